"""Rejection against the number of labelled events, and against the mass of the signal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from results import Estimate, Results, Row
from targets import FEW

from coffea_fm.simulation.hh4b.processes import MASSES

STYLES = {"scratch": "-", "frozen-scores": ":", "frozen-embedding": "--", "end-to-end": "-"}
COLOURS = {"hbb": "C0", "ten-classes": "C2", "self-supervised": "C1", "hbb-few": "C4", "none": "grey"}


def style_of(row: Row) -> dict[str, Any]:
    """Colour by pretraining, line by way; scratch is black."""
    colour = "black" if row.way == "scratch" else COLOURS.get(row.start, "C5")
    return {"color": colour, "ls": STYLES[row.way], "marker": "o", "ms": 4, "label": str(row), "capsize": 2}


def label_efficiency(results: Results, path: Path) -> None:
    """One panel an efficiency of the signal."""
    mpl.use("Agg")
    figure, axes = plt.subplots(1, 2, figsize=(13, 6.4), layout="constrained")
    for axis, at in zip(axes, ("90", "50"), strict=True):
        for row in results.rows:
            points = {number: results.rejection(row, number, at) for number in results.study.labels}
            draw(axis, points, row)
        title = rf"$\varepsilon_S$ = 0.{at[0]}"
        axis.set(xscale="log", yscale="log", xlabel="labelled events", ylabel=r"$1/\varepsilon_B$", title=title)
        axis.grid(alpha=0.3, which="both")
    save(figure, path)


def per_mass(results: Results, path: Path) -> None:
    """One panel a number of labels, for the narrow resonances."""
    mpl.use("Agg")
    labels = (FEW, max(results.study.labels))
    figure, axes = plt.subplots(1, 2, figsize=(13, 6.4), sharey=True, layout="constrained")
    for axis, number in zip(axes, labels, strict=True):
        for row in results.rows:
            points = {mass: results.rejection(row, number, f"90_of_X{mass}") for mass in MASSES}
            draw(axis, points, row)
        axis.set(yscale="log", xlabel="mass of X [GeV]", title=f"{number:,} labelled events")
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel(r"$1/\varepsilon_B$ at $\varepsilon_S$ = 0.9")
    save(figure, path)


def draw(axis: Any, points: dict[int, Estimate], row: Row) -> None:
    """A line with errors through what is measured."""
    known = {place: estimate for place, estimate in points.items() if np.isfinite(estimate.value)}
    if known:
        errors = [estimate.error for estimate in known.values()]
        axis.errorbar(list(known), [estimate.value for estimate in known.values()], errors, **style_of(row))


def save(figure: Any, path: Path) -> None:
    """Write a figure, with one legend for all of its panels."""
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
