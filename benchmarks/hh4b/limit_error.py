"""The error of an expected limit that comes from the number of simulated events, which also decides on the bins."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np

from coffea_fm.errors import InputError
from coffea_fm.statistics.analysis import prepare
from coffea_fm.statistics.inputs import read_inputs
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.settings import read_settings
from coffea_fm.statistics.upper_limits import expected_limit, median
from coffea_fm.statistics.workspace import make_workspace
from coffea_fm.statistics.yields import Filled

NOMINAL = "nominal"


def replicated_limits(run: Path, fit: Path, signal: str, replicas: int) -> list[float]:
    """Median expected limits on the cross section, fb, with histograms that fluctuate as others of as many events would.

    Each bin of a process and region is multiplied by a Poisson number over its mean, the effective number of events;
    variations have the same events, and move along.
    """
    settings = read_settings(fit)
    inputs = read_inputs([run], settings)
    found = []
    for seed in range(replicas):
        random = np.random.default_rng(seed)
        drawn = {name: fluctuated(filled, random) for name, filled in inputs.histograms.items()}
        try:
            analysis = prepare(replace(inputs, histograms=drawn), settings, observe=False)
            workspace = make_workspace(analysis.predictions, settings, signal, analysis.closures, observe=False)
            limit = median(expected_limit(Likelihood.of(workspace)))
        except InputError:  # a region with too few events for one bin
            continue
        found.append(limit * inputs.cross_section(signal))
    return found


def fluctuated(filled: Filled, random: np.random.Generator) -> Filled:
    """A histogram as another sample of as many events would fill it."""
    place = filled.variations.index(NOMINAL)
    values, variances = filled.values[:, place], filled.variances[:, place]
    positive = (values > 0) & (variances > 0)
    events = np.where(positive, values**2 / np.where(positive, variances, 1), 1)
    factor = np.where(positive, random.poisson(events) / events, 1)[:, np.newaxis]
    changed = copy(filled)
    changed.values, changed.variances = filled.values * factor, filled.variances * factor
    return changed
