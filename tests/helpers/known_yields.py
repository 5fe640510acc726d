"""Histograms of a small analysis with known yields."""

from __future__ import annotations

from typing import Any

import hist
import numpy as np

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
