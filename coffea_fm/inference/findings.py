"""What was found in the inputs of a model: which things it cannot score, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from coffea_fm.arrays import BoolArray, IntArray
from coffea_fm.tokens.usable import any_reason, first_reasons


@dataclass(frozen=True)
class Findings:
    """Problems found in packed things.

    Parameters
    ----------
    lost : dict of str to bool array of shape [n]
        For each reason of `coffea_fm.tokens.usable.unusable`, the things that score NaN for it; each has one reason.
    outside : bool array of shape [n]
        Things with a value outside the trained range, which are still scored.
    things : dict of str to int
        Number of ``jets`` or ``events``, and of the things on lower levels that have members.
    remarks : dict of str to str
        Sentences to warn with, by cause.
    flags : dict of str to bool array of shape [n]
        Anything else to count.
    """

    lost: Mapping[str, BoolArray]
    outside: BoolArray
    things: Mapping[str, int]
    remarks: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, BoolArray] = field(default_factory=dict)

    @property
    def usable(self) -> BoolArray:
        """Things that can be scored, bool [n]."""
        return ~any_reason(dict(self.lost))

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of things, of those lost by reason, and of those ``out_of_range``, for a report."""
        columns = {**self.lost, "out_of_range": self.outside & self.usable, **self.flags}
        return {**self.things, **{name: int(column.sum()) for name, column in columns.items()}}

    def replaced(self, rows: IntArray, others: Findings) -> Findings:
        """The same with the findings of another model for some of the things."""
        outside = self.outside.copy()
        outside[rows] = others.outside
        lost = {}
        for name in dict.fromkeys((*self.lost, *others.lost)):
            lost[name] = self.lost[name].copy() if name in self.lost else np.zeros(len(outside), dtype=np.bool_)
            lost[name][rows] = others.lost.get(name, False)
        return replace(self, lost=lost, outside=outside)

    @classmethod
    def joined(cls, parts: Sequence[tuple[IntArray, Findings]], n: int) -> Findings:
        """Findings of `n` things from those of disjoint parts, each with the row numbers of its things."""
        lost: dict[str, BoolArray] = {}
        outside, things = np.zeros(n, dtype=np.bool_), dict[str, int]()
        for rows, found in parts:
            outside[rows] = found.outside
            for name, concerned in found.lost.items():
                lost.setdefault(name, np.zeros(n, dtype=np.bool_))[rows] = concerned
            for name, count in found.things.items():
                things[name] = things.get(name, 0) + count
        return cls(lost, outside, things)

    @classmethod
    def of_all(cls, parts: Sequence[Findings]) -> Findings:
        """Findings of the same things by several models: lost if lost for any, for the first reason that there is."""
        reasons: dict[str, BoolArray] = {}
        for found in parts:
            for name, concerned in found.lost.items():
                reasons[name] = reasons[name] | concerned if name in reasons else concerned
        outside: BoolArray = np.any([found.outside for found in parts], axis=0)
        return cls(first_reasons(reasons), outside, parts[0].things)
