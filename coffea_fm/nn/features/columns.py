"""Look up the fields of a level by name in the input tensors."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from coffea_fm.errors import RecipeError
from coffea_fm.tokens import Level


class Columns:
    """Column index of each field of a level.

    Parameters
    ----------
    level : Level
    """

    def __init__(self, level: Level) -> None:
        self.level = level
        self._values = {name: index for index, name in enumerate(level.names)}
        self._missing = {name: index for index, name in enumerate(level.missing_names)}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def of(self, values: Tensor, name: str) -> Tensor:
        """Select one field, [...], from values [..., fields]."""
        return values[..., self._values[name]]

    def missing(self, missing: Tensor, name: str) -> Tensor:
        """Select the flag of one field, bool [...], from flags [..., missing fields]."""
        return missing[..., self._missing[name]]

    def require(self, names: Iterable[str], reader: str) -> None:
        """Raise a `RecipeError` that names the reader if one of these fields is missing."""
        absent = [name for name in names if name not in self]
        if absent:
            raise RecipeError(f"{reader} need the {self.level.name} fields {', '.join(absent)}; add them to the inputs")
