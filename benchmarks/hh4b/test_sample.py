"""The events that all settings are judged on: processes, weights, masses, and replicas for statistical errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from coffea_fm.shards import ShardDataset
from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES

Floats = npt.NDArray[np.float64]
_COLUMNS = ("process", "target", "weight", "first_mass", "second_mass")


@dataclass(frozen=True)
class TestSample:
    """Test events, in the order in which they are stored.

    Parameters
    ----------
    process : str [n_events]
        One of `coffea_fm.simulation.hh4b.processes.EVENT_PROCESSES`.
    signal : bool [n_events]
        Which are signal.
    weight : float64 [n_events]
        Events expected.
    first_mass, second_mass : float64 [n_events]
        Soft-drop masses of the two jets with the highest TXbb, GeV.
    """

    __test__ = False

    process: npt.NDArray[np.str_]
    signal: npt.NDArray[np.bool_]
    weight: Floats
    first_mass: Floats
    second_mass: Floats

    @classmethod
    @lru_cache(maxsize=2)
    def read(cls, folder: Path) -> TestSample:
        """The events of a folder of shards."""
        process, target, *numbers = ShardDataset(folder).scalars(*_COLUMNS).values()
        names = np.array(list(EVENT_PROCESSES))
        return cls(names[process], target == 1, *(column.astype(np.float64) for column in numbers))

    @property
    def signals(self) -> list[str]:
        """Names of the signals."""
        return [str(name) for name in np.unique(self.process[self.signal])]

    def counts(self, replicas: int) -> npt.NDArray[np.float32]:
        """How often each event is in each replica of the sample, and once in the sample itself; [1 + replicas, n_events].

        The same for all settings: their differences have the statistical error of a difference.
        """
        drawn = np.random.default_rng(0).poisson(1.0, (replicas, len(self.weight))).astype(np.float32)
        return np.concatenate((np.ones((1, len(self.weight)), np.float32), drawn))


def effective_number(weights: Floats) -> float:
    """Number of events of one weight that would have the same relative error."""
    return float(weights.sum() ** 2 / (weights**2).sum())
