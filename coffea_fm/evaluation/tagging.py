"""Figures of tagger performance from the histograms of the processor ``tag_jets``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hist
import numpy as np
from hist import BaseHist
from matplotlib.figure import Figure

from coffea_fm.evaluation.discrimination import area_under, roc_of_histograms
from coffea_fm.evaluation.draw import drawn_curve
from coffea_fm.plots.discriminants import discriminant_figure
from coffea_fm.plots.names import discriminant_formula, tex_name
from coffea_fm.plots.roc import roc_figure
from coffea_fm.plots.shapes import shapes_figure
from coffea_fm.plots.style import MOST_CURVES, SIMULATION, Label

_REBIN = 5
Parts = dict[str, Any]


def draw_tagging(
    histograms: Mapping[str, BaseHist[Any]],
    *,
    background: str = "QCD",
    level: str = "medium",
    label: Label = SIMULATION,
) -> dict[str, Figure]:
    """ROC curves, discriminants, and the mass before and after each tag, for all true classes in the sample.

    Parameters
    ----------
    histograms : mapping of str to hist.BaseHist
        ``msoftdrop``, ``discriminant/SIGNAL_vs_BACKGROUND`` and ``tagged_msoftdrop/SIGNAL_LEVEL``, as filled by
        ``tag_jets``.
    background : str
        Background class.
    level : str
        Level of the working points.
    label : Label
        Text above the frames.

    Returns
    -------
    dict of str to Figure
        By name; six figures for two signal classes.
    """
    before = _by_truth(histograms["msoftdrop"])
    signals = [name for name in before if name != background and f"discriminant/{name}_vs_{background}" in histograms]
    after = {name: _by_truth(histograms.get(f"tagged_msoftdrop/{name}_{level}")) for name in signals}
    areas = {name: float(np.sum(part.values())) for name, part in before.items()}
    figures = {}
    curves = {}
    for name in signals:
        parts = _by_truth(histograms[f"discriminant/{name}_vs_{background}"])
        if background not in parts or name not in parts:
            continue
        curve = roc_of_histograms(parts[name], parts[background])
        passed = [(_fraction(after[name], before, name), _fraction(after[name], before, background))]
        curves[name] = drawn_curve(curve, area_under(curve), passed if after[name] else ())
        axis = hist.axis.Regular(40, 0, 1, name="value", label=discriminant_formula(name, background))
        chosen = {key: _rebinned(part, axis) for key, part in parts.items()}
        figures[f"discriminant_{name}"] = discriminant_figure(chosen, label=label)
    roc = {"roc": roc_figure(curves, background, label=label)} if curves else {}
    masses = {"mass_before": shapes_figure(_coarser(before), label=label, text="before any tag")}
    for name, parts in after.items():
        if parts:
            text = f"after the {tex_name(name)} tag ({level})\nnormalised to all jets before the tag"
            masses[f"mass_after_{name}"] = shapes_figure(_coarser(parts), areas, label=label, text=text)
    return roc | figures | masses


def _by_truth(histogram: BaseHist[Any] | None) -> Parts:
    """The filled true classes, summed over all other axes; at most as many as fit in one panel."""
    if histogram is None:
        return {}
    projection: Any = histogram.project("truth", "value")
    parts = {str(name): projection[at, :] for at, name in enumerate(projection.axes[0])}
    filled = {name: part for name, part in parts.items() if np.any(part.values()) and name != "unmatched"}
    return dict(list(filled.items())[:MOST_CURVES])


def _coarser(parts: Parts) -> Parts:
    return {name: part[:: hist.rebin(2)] for name, part in parts.items()}


def _fraction(after: Parts, before: Parts, name: str) -> float:
    if name not in after:
        return 0.0
    return float(after[name].sum(flow=True).value / before[name].sum(flow=True).value)


def _rebinned(histogram: Any, axis: Any) -> Any:
    rebinned = hist.Hist(axis, storage=hist.storage.Weight(), label="Jets")
    rebinned[...] = histogram[:: hist.rebin(_REBIN)].view()
    return rebinned
