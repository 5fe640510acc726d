"""Histograms of a small analysis with known yields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hist
import numpy as np

from coffea_fm.analysis.counts import Counts
from coffea_fm.analysis.histogram_files import write_histograms
from coffea_fm.statistics.analysis import prepare
from coffea_fm.statistics.inputs import Inputs
from coffea_fm.statistics.yields import Filled

REGIONS = ("fail_low", "fail_high", "pass_low", "pass_high")
EVENTS_OF_A_BIN = 400  # of the simulation
MULTIJET = {"fail_low": 20_000.0, "fail_high": 8_000.0, "pass_low": 500.0, "pass_high": 200.0}
TOPS = {"fail_low": 400.0, "fail_high": 300.0, "pass_low": 20.0, "pass_high": 30.0}
SIGNAL = {"fail_low": 2.0, "fail_high": 4.0, "pass_low": 3.0, "pass_high": 20.0}
EDGES = np.linspace(50, 250, 11)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2


def shape(kind: str, mean: float = 125.0) -> np.ndarray:
    weights = np.exp(-CENTRES / 80) if kind == "falling" else np.exp(-0.5 * ((CENTRES - mean) / 15) ** 2)
    return weights / weights.sum()


def fill(
    histogram: Any, process: str, variation: str, region: str, values: np.ndarray, events: float = EVENTS_OF_A_BIN
) -> None:
    """Bins of these values that `events` simulated events of equal weight stand behind."""
    for centre, value in zip(CENTRES, values, strict=True):
        weight = value / events
        times = int(events)
        histogram.fill(
            [process] * times,
            [variation] * times,
            [region] * times,
            np.full(times, centre),
            weight=np.full(times, weight),
        )


def make_histogram(*, with_data: bool = False, mu: float = 0.0) -> Any:
    axes = [hist.axis.StrCategory([], growth=True, name=name) for name in ("process", "variation")]
    histogram = hist.Hist(
        *axes,
        hist.axis.StrCategory(REGIONS, name="region"),
        hist.axis.Variable(EDGES, name="value", label="Mass [GeV]"),
        storage=hist.storage.Weight(),
    )
    for region in REGIONS:
        backgrounds = {"multijet": MULTIJET[region] * shape("falling"), "TT": TOPS[region] * shape("peak", 170)}
        signal = SIGNAL[region] * shape("peak")
        for process, values in {**backgrounds, "X": signal}.items():
            fill(histogram, process, "nominal", region, values)
            if process != "multijet":
                for direction, factor in (("up", 1.05), ("down", 0.96)):
                    fill(histogram, process, f"scale_{direction}", region, values * factor)
        fill(histogram, "X", "tune_up", region, SIGNAL[region] * shape("peak", 128))
        if with_data:
            seen = np.round(sum(backgrounds.values()) + mu * signal)
            for centre, count in zip(CENTRES, seen.astype(int), strict=True):
                names = ([name] * count for name in ("data", "nominal", region))
                histogram.fill(*names, np.full(count, centre))
    return histogram


def write_run(folder: Path, histogram: Any, dataset: str, **counts: Any) -> Path:
    folder.mkdir()
    write_histograms(folder / "histograms.zip", {"boosted/mass": histogram})
    (folder / "cutflow.json").write_text(json.dumps(counts))
    (folder / "summary.json").write_text(json.dumps({"events_by_dataset": {dataset: 1}}))
    return folder


def analysis_of(settings, *, with_data=False, mu=0.0, observe=False, change=None):
    histogram = make_histogram(with_data=with_data, mu=mu)
    if change is not None:
        change(histogram)
    coarse = settings.model_copy(update={"minimal_effective_events": 1000.0})
    inputs = Inputs({"boosted/mass": Filled(histogram, "boosted/mass")}, 100.0, Counts(cross_section={"X": {0.01}}))
    return prepare(inputs, coarse, observe=observe)
