"""Which raw fields a model reads, in which order, and how many tokens of each set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from coffea_fm.errors import RecipeError
from coffea_fm.tokens.fields import CONSTITUENT_FIELDS, JET_FIELDS, VERTEX_FIELDS, Field

_GROUPS = {"constituents": CONSTITUENT_FIELDS, "vertices": VERTEX_FIELDS}


@dataclass(frozen=True)
class TokenGroup:
    """One ragged group of typed tokens of each set, e.g. the constituents of each jet.

    Parameters
    ----------
    name : str
        The field of the set that holds the group (``jets.constituents``).
    fields : tuple of Field
        Columns of the packed matrix, in order.
    max_tokens : int
        Longer sets are truncated to their first `max_tokens` in `order`.
    order : str
        Tokens are sorted by this field, descending and stable; ``"stored"`` leaves them as they come.
    """

    name: str
    fields: tuple[Field, ...]
    max_tokens: int = 128
    order: str = "pt"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(field.name for field in self.fields)

    @property
    def missing_names(self) -> tuple[str, ...]:
        """Names of the columns that single tokens may lack: the columns of the packed ``missing`` mask."""
        return tuple(field.name for field in self.fields if field.missing)


@dataclass(frozen=True)
class InputSpec:
    """What a model reads of each jet.

    Parameters
    ----------
    groups : tuple of TokenGroup
        The ragged groups.
    jet : tuple of Field
        Fields of the jet itself.
    momentum : {"uncorrected", "corrected"}
        Which of the jet's four-momenta the jet fields ``pt`` and ``mass`` mean: that of the stored constituents,
        or the calibrated one.
    """

    groups: tuple[TokenGroup, ...]
    jet: tuple[Field, ...] = ()
    momentum: Literal["uncorrected", "corrected"] = "uncorrected"

    @property
    def jet_names(self) -> tuple[str, ...]:
        """Names of the jet's columns."""
        return tuple(field.name for field in self.jet)

    def group(self, name: str) -> TokenGroup:
        """The group of that name."""
        return next(group for group in self.groups if group.name == name)


def token_group(name: str, fields: tuple[str, ...], *, max_tokens: int = 128, order: str = "pt") -> TokenGroup:
    """A group of canonical fields, by name.

    Raises
    ------
    RecipeError
        If the group or one of the fields is not a canonical one, or `order` is not one of the fields.
    """
    if name not in _GROUPS:
        raise RecipeError(f"unknown token group {name!r}: choose one of {', '.join(_GROUPS)}")
    if order != "stored" and order not in fields:
        raise RecipeError(f"{name} are ordered by {order!r}, which is not among their fields {', '.join(fields)}")
    return TokenGroup(name, _choose(_GROUPS[name], fields, name), max_tokens, order)


def jet_fields(fields: tuple[str, ...]) -> tuple[Field, ...]:
    """Canonical jet fields, by name.

    Raises
    ------
    RecipeError
        If one of the fields is not a canonical one.
    """
    return _choose(JET_FIELDS, fields, "jet")


def with_truth(spec: InputSpec, names: Iterable[str]) -> InputSpec:
    """The specification with further fields at the end of its first group: truth, which no model can read.

    A recipe names its inputs among the canonical fields, and these are none.

    Raises
    ------
    RecipeError
        If a name is that of a canonical field.
    """
    fields = tuple(Field(name, "1") for name in names)
    first = spec.groups[0]
    for name in (field.name for field in fields):
        if name in _GROUPS[first.name]:
            raise RecipeError(f"{first.name}.{name} is an input of models, and cannot be truth: choose another field")
    return replace(spec, groups=(replace(first, fields=first.fields + fields), *spec.groups[1:]))


def _choose(catalogue: dict[str, Field], names: tuple[str, ...], what: str) -> tuple[Field, ...]:
    unknown = [name for name in names if name not in catalogue]
    if unknown:
        raise RecipeError(f"unknown {what} field {unknown[0]!r}: choose from {', '.join(catalogue)}")
    return tuple(catalogue[name] for name in names)
