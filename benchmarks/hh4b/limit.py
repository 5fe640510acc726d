"""An expected limit from the discriminant alone: a quick stand-in for the whole analysis, the same for every setting.

The loosely preselected events are binned by the efficiency of the signal, and bins are merged from the most signal-like on,
so that the first has just as many background events as it needs. In each bin the background has its own
uncertainty, such as a prediction from data leaves; so the limit is that of a search in these events, not of the analysis
with its tagged regions, and only ratios between settings mean anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm
from test_sample import Floats, TestSample

from coffea_fm.statistics.binning import merged_bins
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.profile import Profile
from coffea_fm.statistics.yields import Yields

BINS = 40
NEEDED = float(norm.isf(0.05 / 2))
"""Square root of the profile likelihood ratio at the median expected limit: there CLs is twice the tail probability."""
_BRACKET, _PRECISION = (0.1, 10.0), 3e-3


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
    edges = np.quantile(-discriminant[chosen], np.arange(1, BINS) / BINS)
    bins = np.digitize(-discriminant, edges)
    signal, background = (yields(bins, sample.weight, rows) for rows in (chosen, ~sample.signal))
    first = merged_bins({"background": background}, [background, signal], about["effective_events"], "discriminant")
    merged, expected = signal.merged(first).values, background.merged(first).values
    errors = about["background"] * expected
    sensitivity = float(2 / np.sqrt(np.sum(merged**2 / (expected + errors**2))))
    rates = {"luminosity": about["luminosity"], "tagging": about["tagging"]}
    samples = [
        {
            "name": "signal",
            "data": (sensitivity * merged).tolist(),
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}, *map(rate, rates.items())],
        },
        {
            "name": "background",
            "data": expected.tolist(),
            "modifiers": [{"name": "prediction", "type": "shapesys", "data": errors.tolist()}],
        },
    ]
    parameters = [{"name": "mu", "bounds": [[0.0, 10 * _BRACKET[1]]]}]
    workspace = {
        "channels": [{"name": "discriminant", "samples": samples}],
        "observations": [{"name": "discriminant", "data": expected.tolist()}],
        "measurements": [{"name": "limit", "config": {"poi": "mu", "parameters": parameters}}],
        "version": "1.0.0",
    }
    asimov = Likelihood.of(workspace).asimov(0.0)
    profile = Profile(asimov, asimov.fit({asimov.poi: 0.0}))
    return sensitivity * float(brentq(lambda mu: profile.above(NEEDED, mu), *_BRACKET, rtol=_PRECISION))


def yields(bins: npt.NDArray[np.int64], weight: Floats, rows: npt.NDArray[np.bool_]) -> Yields:
    """Events by bin."""
    values, variances = (np.bincount(bins[rows], weight[rows] ** power, BINS).astype(np.float64) for power in (1, 2))
    return Yields(values, variances)


def rate(item: tuple[str, float]) -> dict[str, Any]:
    """A factor with a log-normal uncertainty."""
    name, size = item
    return {"name": name, "type": "normsys", "data": {"hi": 1 + size, "lo": 1 / (1 + size)}}
