"""The closure of the multijet prediction in slices of the second jet's TXbb, from single events."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from data import MULTIJET
from test_sample import Floats, TestSample

Mask = npt.NDArray[np.bool_]


def closure_in_slices(
    sample: TestSample, high: Mask, tagged: Mask, second_txbb: Floats, medium: float, edges: Sequence[float]
) -> list[dict[str, Any]]:
    """Counted over predicted multijet events, ``A D / (B C)``, with its statistical error.

    Parameters
    ----------
    sample : TestSample
        Events with their weights.
    high, tagged : bool [n_events]
        Whether the event discriminant is above its cut, and TXbb of the first jet.
    second_txbb : float64 [n_events]
        TXbb of the second jet.
    medium : float
        The medium cut on it; events from there to the first of the edges are the control regions C and D.
    edges : sequence of float
        Edges of the slices, which hold A and B; the whole range is the last entry of the result.
    """
    usable = tagged & np.isin(sample.process, MULTIJET)
    control = usable & (second_txbb > medium) & (second_txbb <= edges[0])
    found = []
    for low, up in [*pairwise(edges), (edges[0], edges[-1])]:
        tight = usable & (second_txbb > low) & (second_txbb <= up)
        parts = [tight & high, tight & ~high, control & high, control & ~high]
        sums, squares = (np.array([np.sum(sample.weight[part] ** power) for part in parts]) for power in (1, 2))
        a, b, c, d = sums
        kappa = float(a * d / (b * c)) if b * c > 0 else float("nan")
        relative = float(np.sqrt(np.sum(squares / np.maximum(sums, 1e-300) ** 2)))
        events = int(np.count_nonzero(parts[0]))
        found.append({"from": low, "to": up, "kappa": kappa, "error": kappa * relative, "events": events})
    return found
