"""An expected limit from the discriminant alone: a quick stand-in for the whole analysis, the same for every setting.

The loosely preselected events are binned by the efficiency of the signal. In each bin the background has its own
uncertainty, such as a prediction from data leaves; so the limit is that of a search in these events, not of the analysis
with its tagged regions, and only ratios between settings mean anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from test_sample import Floats, TestSample

from coffea_fm.statistics.binning import merged_bins
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.limits import expected_limit
from coffea_fm.statistics.yields import Yields

BINS = 50
_LARGEST_MU = 1e7


def limit_on_mu(sample: TestSample, discriminant: Floats, about: dict[str, Any]) -> float:
    """The median expected upper limit at 95% confidence level on the strength of one signal.

    Parameters
    ----------
    sample : TestSample
    discriminant : float64 [n_events]
        Large for signal.
    about : dict
        ``signal``; relative uncertainties ``background`` (of each bin), ``tagging`` (of the signal) and ``luminosity``;
        ``effective_events`` of the background that a bin needs.
    """
    chosen = sample.process == about["signal"]
    edges = np.quantile(discriminant[chosen], np.arange(1, BINS) / BINS)
    bins = np.digitize(discriminant, edges)
    signal, background = (yields(bins, sample.weight, rows) for rows in (chosen, ~sample.signal))
    first = merged_bins({"background": background}, [background, signal], about["effective_events"], "discriminant")
    rates = {"luminosity": about["luminosity"], "tagging": about["tagging"]}
    samples = [
        {
            "name": "signal",
            "data": signal.merged(first).values.tolist(),
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}, *map(rate, rates.items())],
        },
        {
            "name": "background",
            "data": (expected := background.merged(first).values).tolist(),
            "modifiers": [
                {"name": "prediction", "type": "shapesys", "data": (about["background"] * expected).tolist()}
            ],
        },
    ]
    workspace = {
        "channels": [{"name": "discriminant", "samples": samples}],
        "observations": [{"name": "discriminant", "data": expected.tolist()}],
        "measurements": [
            {"name": "limit", "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[0.0, _LARGEST_MU]]}]}}
        ],
        "version": "1.0.0",
    }
    return expected_limit(Likelihood.of(workspace)).median


def yields(bins: Any, weight: Floats, rows: Any) -> Yields:
    """Events by bin."""
    sums = [np.bincount(bins[rows], weight[rows] ** power, BINS) for power in (1, 2)]
    return Yields(*sums)


def rate(item: tuple[str, float]) -> dict[str, Any]:
    """A factor with a log-normal uncertainty."""
    name, size = item
    return {"name": name, "type": "normsys", "data": {"hi": 1 + size, "lo": 1 / (1 + size)}}
