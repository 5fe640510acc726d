"""The results of the study with errors of both kinds: of training events and initial weights, and of test events.

Rejections are compared as logarithms. Their replicas are linear in the background's efficiency, so that one without any
background event does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from study import Setting, Study

Floats = npt.NDArray[np.float64]


class Row(NamedTuple):
    """One line of a table: a way with a start."""

    way: str
    start: str

    def __str__(self) -> str:
        return self.way if self.start == "none" and self.way == "scratch" else f"{self.way}, {self.start}"


class Estimate(NamedTuple):
    """A mean over seeds.

    Parameters
    ----------
    value : float
        NaN if it was not measured.
    seeds : float
        Standard error of the mean over the seeds; NaN with one.
    test : float
        Standard deviation of the mean over replicas of the test events.
    """

    value: float
    seeds: float
    test: float

    @classmethod
    def of(cls, values: Floats) -> Estimate:
        """The mean of values by seed and replica, [seeds, 1 + replicas]; the first replica is the sample itself."""
        if not (len(values) and np.isfinite(values[:, 0]).all()):
            return cls(np.nan, np.nan, np.nan)
        spread = float(np.std(values[:, 0], ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
        return cls(float(values[:, 0].mean()), spread, float(np.nanstd(values[:, 1:].mean(axis=0))))

    @property
    def error(self) -> float:
        """Both in quadrature; that of the test events with one seed."""
        return float(np.hypot(np.nan_to_num(self.seeds), self.test))

    def exponential(self) -> Estimate:
        """Of a logarithm, what it is the logarithm of."""
        value = float(np.exp(self.value))
        return Estimate(value, value * self.seeds, value * self.test)


@dataclass(frozen=True)
class Results:
    """Everything that is measured so far."""

    study: Study

    @cached_property
    def measured(self) -> dict[Setting, dict[str, Any]]:
        """By setting."""
        names = {setting: f"settings/{setting.name}" for setting in self.study.settings()}
        return {setting: self.study.result(name, dict) for setting, name in names.items() if self.study.has(name)}

    @property
    def rows(self) -> list[Row]:
        """Ways and starts, in the order of the study."""
        return [Row(way, start) for way, about in self.study.ways.items() for start in about["starts"]]

    def by_seed(self, row: Row, labels: int, figure: str) -> dict[int, Floats]:
        """A figure of merit by seed, [1 + replicas]; ``log_rejection`` in place of ``background`` is minus its logarithm."""
        found = {}
        for seed in range(self.study.seeds):
            content = self.measured.get(Setting(*row, labels, seed))
            if content is None:
                continue
            if figure == "limit":
                found[seed] = np.full(2, content["limit"])
            else:
                found[seed] = self._figure(content["figures"], figure)
        return found

    def estimate(self, row: Row, labels: int, figure: str) -> Estimate:
        """Its mean with errors."""
        return Estimate.of(stacked(self.by_seed(row, labels, figure).values()))

    def rejection(self, row: Row, labels: int, suffix: str) -> Estimate:
        """One over the background's efficiency."""
        return self.estimate(row, labels, f"log_rejection_{suffix}").exponential()

    def ratio(self, first: tuple[Row, int], second: tuple[Row, int], suffix: str = "90") -> Estimate:
        """Ratio of two rejections, on the same test events; logarithm of it, paired by seed if the labels are as many."""
        left, right = (self.by_seed(*place, f"log_rejection_{suffix}") for place in (first, second))
        return Estimate.of(stacked(left[seed] - right[seed] for seed in left if seed in right))

    def frame(self) -> pd.DataFrame:
        """One row a setting: what ``results.csv`` holds; errors are those of the test events."""
        rows = []
        for setting, content in self.measured.items():
            row = {**setting._asdict(), **{name: content[name] for name in ("rate", "seen", "limit")}}
            for name, (value, *replicas) in content["figures"].items():
                row |= {name: value, f"{name}_error": float(np.nanstd(replicas))}
            rows.append(row)
        return pd.DataFrame(rows).sort_values(["way", "start", "labels", "seed"])

    @staticmethod
    def _figure(figures: dict[str, list[float]], name: str) -> Floats:
        if not name.startswith("log_rejection"):
            return np.array(figures[name])
        efficiency = np.array(figures[name.replace("log_rejection", "background")])
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(efficiency[0] > 0, 1 - efficiency / efficiency[0] - np.log(efficiency[0]), np.nan)


def stacked(values: Any) -> Floats:
    """Rows to a matrix; empty without any."""
    rows = list(values)
    return np.stack(rows) if rows else np.empty((0, 1))
