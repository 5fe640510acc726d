"""Which figures show an evaluation, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hist
import numpy as np
from matplotlib.figure import Figure

from coffea_fm.arrays import BoolArray, Scores, Targets
from coffea_fm.bundle import WorkingPoint
from coffea_fm.calibration.discriminant import discriminant
from coffea_fm.calibration.intervals import efficiency_interval
from coffea_fm.calibration.reliability import Reliability
from coffea_fm.evaluation.classification import Metrics
from coffea_fm.evaluation.discrimination import Roc, roc
from coffea_fm.evaluation.draw_jets import draw_jets
from coffea_fm.evaluation.jets import JetData
from coffea_fm.plots.discriminants import discriminant_figure
from coffea_fm.plots.matrix import matrix_figure
from coffea_fm.plots.names import discriminant_formula
from coffea_fm.plots.reliability import ReliabilityCurve, reliability_figure
from coffea_fm.plots.roc import RocCurve, roc_figure
from coffea_fm.plots.style import SIMULATION, Label

_MOST_POINTS = 400
"""Points of a ROC curve that are drawn: more than a figure resolves."""


def draw_evaluation(
    scores: Scores,
    target: Targets,
    metrics: Metrics,
    points: Sequence[WorkingPoint],
    jets: JetData | None = None,
    *,
    label: Label = SIMULATION,
) -> dict[str, Figure]:
    """All figures of an evaluation by name: ROC, confusion, reliability, discriminants, and those of `draw_jets`.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities; rows of NaN are left out.
    target : int array of shape [n_jets]
        True class.
    metrics : Metrics
        From `coffea_fm.evaluation.classification.classification_metrics`.
    points : sequence of WorkingPoint
        Marked on the curves.
    jets : JetData, optional
        Kinematics and embedding.
    label : Label
        What stands above the frames.
    """
    scored: BoolArray = np.asarray(np.isfinite(scores).all(axis=1))
    scores, target = scores[scored], target[scored]
    jets = (jets or JetData()).take(scored)
    column = metrics.classes.index(metrics.background)
    values = {name: discriminant(scores, metrics.classes.index(name), column) for name in metrics.against_background}
    kept = [at for at, name in enumerate(metrics.classes) if metrics.jets_by_class[name]]
    figures: dict[str, Figure] = {}
    if values:
        figures["roc"] = _roc(values, target, metrics, points, label)
    figures["confusion"] = matrix_figure(
        [metrics.confusion[at] for at in kept],
        metrics.present,
        metrics.classes,
        [metrics.jets_by_class[name] for name in metrics.present],
        label=label,
    )
    after = f"with temperature {metrics.temperature:.2f}"
    curves = {"as given": metrics.reliability_other_half, after: metrics.reliability_with_temperature}
    title = f"{sum(metrics.reliability_other_half.jets):,} jets"
    figures["reliability"] = reliability_figure(
        {key: _curve(value) for key, value in curves.items()}, title, label=label
    )
    for name, value in values.items():
        figures[f"discriminant_{name}"] = _discriminant(name, value, target, metrics, points, label)
    return figures | draw_jets(scores, target, metrics, points, jets, label=label)


def _roc(
    values: dict[str, Any], target: Targets, metrics: Metrics, points: Sequence[WorkingPoint], label: Label
) -> Figure:
    background = metrics.classes.index(metrics.background)
    curves = {}
    for name, value in values.items():
        curve = roc(value[target == metrics.classes.index(name)], value[target == background])
        marked = [
            (point.signal_efficiency, point.background_efficiency)
            for point in points
            if (point.signal, point.background) == ((name,), (metrics.background,))
        ]
        curves[name] = drawn_curve(curve, metrics.against_background[name].auc, marked)
    return roc_figure(curves, metrics.background, label=label)


def drawn_curve(curve: Roc, auc: float, points: Sequence[tuple[float, float]] = ()) -> RocCurve:
    """A ROC curve up to where everything passes, with the interval of its background efficiency."""
    chosen = np.unique(np.linspace(0, len(curve.cuts) - 1, _MOST_POINTS).astype(int))
    signal, background = (
        np.append(efficiency[chosen], 1.0) for efficiency in (curve.signal_efficiency, curve.background_efficiency)
    )
    low, high = efficiency_interval(background * curve.n_background, curve.n_background)
    return RocCurve(signal, background, low, high, auc, points, (curve.n_signal, curve.n_background))


def _curve(reliability: Reliability) -> ReliabilityCurve:
    jets = np.array(reliability.jets)
    filled = jets > 0
    confidence, accuracy = (
        np.array(values, dtype=np.float64)[filled] for values in (reliability.confidence, reliability.accuracy)
    )
    return ReliabilityCurve(confidence, accuracy, *efficiency_interval(accuracy * jets[filled], jets[filled]))


def _discriminant(
    name: str, value: Any, target: Targets, metrics: Metrics, points: Sequence[WorkingPoint], label: Label
) -> Figure:
    axis = hist.axis.Regular(40, 0, 1, name="value", label=discriminant_formula(name, metrics.background))
    signal, background = (target == metrics.classes.index(key) for key in (name, metrics.background))
    parts = {name: signal, metrics.background: background, "other classes": ~signal & ~background}
    histograms = {
        key: hist.Hist(axis, storage=hist.storage.Double(), label="Jets").fill(np.minimum(value[part], 1 - 1e-7))
        for key, part in parts.items()
        if part.any()
    }
    cuts = {
        point.name.removeprefix(f"{name}_"): point.cut
        for point in points
        if (point.signal, point.background) == ((name,), (metrics.background,))
    }
    return discriminant_figure(histograms, cuts, label=label)
