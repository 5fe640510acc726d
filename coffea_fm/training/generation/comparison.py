"""How far generated jets are from real ones, beside what real and decoded jets are from each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import wasserstein_distance

from coffea_fm.arrays import DoubleArray, IntArray
from coffea_fm.errors import InputError
from coffea_fm.training.generation.substructure import OBSERVABLES

SAMPLES: Final = ("real", "decoded", "generated")
"""What is compared with other real jets: the first two are floors, of the statistics and of the codes."""
BOOTSTRAPS: Final = 50

Jets = Mapping[str, DoubleArray]
"""Observables of jets by name."""


@dataclass(frozen=True)
class Distance:
    """A Wasserstein-1 distance of two distributions, in the unit of the observable.

    Parameters
    ----------
    value : float
    error : float
        Standard deviation over bootstrap samples of both sets of jets.
    """

    value: float
    error: float

    def __str__(self) -> str:
        digits = max(0, 1 - int(np.floor(np.log10(self.error)))) if self.error > 0 else 3
        return f"{self.value:.{digits}f} ± {self.error:.{digits}f}"


def distance(first: DoubleArray, second: DoubleArray, *, seed: int = 0) -> Distance:
    """Wasserstein-1 distance between the distributions of one observable; values that are NaN are left out.

    Raises
    ------
    InputError
        If nothing is left of one of them.
    """
    first, second = (part[~np.isnan(part)] for part in (first, second))
    if not (len(first) and len(second)):
        raise InputError("there is no jet with this observable, so it cannot be compared: give more jets")
    rng = np.random.default_rng(seed)
    found = [
        wasserstein_distance(rng.choice(first, len(first)), rng.choice(second, len(second))) for _ in range(BOOTSTRAPS)
    ]
    return Distance(float(wasserstein_distance(first, second)), float(np.std(found, ddof=1)))


@dataclass(frozen=True, repr=False)
class Comparison:
    """Distances of jets from a reference of other real jets.

    Parameters
    ----------
    jets : dict of str to int
        Number of jets of each sample.
    distances : dict of str to dict of str to Distance
        By observable and sample.
    """

    jets: dict[str, int]
    distances: dict[str, dict[str, Distance]]

    @classmethod
    def of(cls, reference: Jets, samples: Mapping[str, Jets]) -> Comparison:
        """Compare the observables of samples with those of the reference."""
        jets = {name: len(next(iter(part.values()))) for name, part in {"reference": reference, **samples}.items()}
        return cls(
            jets,
            {
                name: {sample: distance(part[name], reference[name]) for sample, part in samples.items()}
                for name in OBSERVABLES
            },
        )

    def table(self) -> str:
        """A Markdown table, one row for each observable."""
        samples = list(next(iter(self.distances.values())))
        lines = [
            f"| | {' | '.join(f'{sample} ({self.jets[sample]:,})' for sample in samples)} |",
            f"|---|{'---:|' * len(samples)}",
        ]
        lines += [
            f"| {OBSERVABLES[name]} | {' | '.join(str(row[sample]) for sample in samples)} |"
            for name, row in self.distances.items()
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Wasserstein-1 distance from {self.jets['reference']:,} real jets\n{self.table()}"


def of_class(jets: Jets, classes: IntArray, chosen: int) -> dict[str, DoubleArray]:
    """The observables of the jets of one class."""
    return {name: values[classes == chosen] for name, values in jets.items()}
