"""True classes of jets, from any whole-number column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.classes import CLASSES_OF_LABEL
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.names import close_name

_NO_CLASS = "no true class"


@dataclass(frozen=True)
class Truth:
    """What the numbers of a column mean.

    Parameters
    ----------
    column : str
        Field of the jets.
    classes : dict of int to str
        Name by number; other numbers are no true class.
    """

    column: str
    classes: dict[int, str]

    @classmethod
    def of(cls, column: str, classes: str, known: Sequence[str]) -> Truth:
        """The truth as options give it.

        Parameters
        ----------
        column : str
            Field of the jets.
        classes : str
            ``QCD,Hbb,Hcc`` for 0, 1, 2, or ``0=light,4=c,5=b``. If empty, what coffea-fm knows of the column, else
            `known` in their order.
        known : sequence of str
            Classes of the bundle.

        Raises
        ------
        RecipeError
            If `classes` is neither.
        InputError
            If the bundle scores none of the classes.
        """
        named = _parse(classes) if classes else dict(enumerate(CLASSES_OF_LABEL.get(column, known)))
        if not set(named.values()) & set(known):
            raise InputError(
                f"the bundle scores none of the classes {', '.join(named.values())} of {column!r}, only "
                f"{', '.join(known)}: name what the numbers of the column mean with --classes"
            )
        return cls(column, named)

    def of_jets(self, jets: ak.Array, collection: str) -> IntArray:
        """Number of the true class of each jet, flat; -1 where there is none.

        Raises
        ------
        InputError
            If the jets have no such field, or it does not hold whole numbers.
        """
        if self.column not in jets.fields:
            near = close_name(self.column, jets.fields)
            hint = f"did you mean {near!r}?" if near else "name another with --truth"
            raise InputError(
                f"{collection} has no true class (branch {collection}_{self.column}) to compare with: {hint}"
            )
        values = ak.to_numpy(ak.fill_none(ak.flatten(jets[self.column]), -1))
        numbers = values.astype(np.int64)
        if not np.array_equal(numbers, values):
            raise InputError(f"{collection}_{self.column} does not hold whole numbers, so it is no true class")
        return np.where(np.isin(numbers, list(self.classes)), numbers, -1)

    def columns(self, numbers: IntArray, known: Sequence[str], n_bundles: int = 1) -> tuple[IntArray, dict[str, int]]:
        """Column of the scores for each number, and jets that have none by the reason.

        Parameters
        ----------
        numbers : int64 array of shape [n_jets]
            From `of_jets`.
        known : sequence of str
            Classes of the scores.
        n_bundles : int
            How many bundles have them, for the reasons.

        Returns
        -------
        columns : int64 array of shape [n_jets]
            -1 for jets that are left out.
        left_out : dict of str to int
            How many, by why.
        """
        unscored = "which the bundle does not score" if n_bundles == 1 else "which not every bundle scores"
        columns = np.full(len(numbers), -1, dtype=np.int64)
        left_out: Counter[str] = Counter()
        for number, name in self.classes.items():
            chosen = numbers == number
            if name in known:
                columns[chosen] = list(known).index(name)
            elif chosen.any():
                left_out[f"of the class {name}, {unscored}"] += int(chosen.sum())
        if nameless := int((numbers < 0).sum()):
            left_out[f"with {_NO_CLASS} in {self.column!r}"] = nameless
        return columns, dict(left_out)


def _parse(classes: str) -> dict[int, str]:
    parts = [part.strip() for part in classes.split(",") if part.strip()]
    try:
        if any("=" in part for part in parts):
            pairs = (part.split("=") for part in parts)
            return {int(number): name.strip() for number, name in pairs}
    except ValueError as error:
        raise RecipeError(f"the classes {classes!r} are not names such as QCD,Hbb or 0=light,4=c,5=b") from error
    return dict(enumerate(parts))
