"""Events by time, in bins that widen as a run gets longer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

_BINS = 400
"""As many at most; a longer run has wider bins."""


@dataclass
class Timeline:
    """Events by the time at which their chunk ended.

    Parameters
    ----------
    width : int
        Seconds of a bin, a power of two.
    events : Counter of int
        Events by number of the bin, counted from 1970.
    """

    width: int = 1
    events: Counter[int] = field(default_factory=Counter)

    def fill(self, time: float, events: int) -> None:
        """Count events at a time in seconds since 1970."""
        self.events[int(time // self.width)] += events
        self._fit()

    def __iadd__(self, other: Timeline) -> Self:
        self._widen(other.width)
        for number, events in other.events.items():
            self.events[number * other.width // self.width] += events
        self._fit()
        return self

    def bins(self) -> list[tuple[int, int]]:
        """Start of each bin, in seconds since 1970, and its events, without gaps."""
        if not self.events:
            return []
        numbers = range(min(self.events), max(self.events) + 1)
        return [(number * self.width, self.events[number]) for number in numbers]

    def _fit(self) -> None:
        while max(self.events) - min(self.events) >= _BINS if self.events else False:
            self._widen(2 * self.width)

    def _widen(self, width: int) -> None:
        if width > self.width:
            wider: Counter[int] = Counter()
            for number, events in self.events.items():
                wider[number * self.width // width] += events
            self.width, self.events = width, wider
