"""Figures of a classifier's test: ROC curves, score distributions, calibration, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hist
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coffea_fm.evaluation.classification import Metrics, Scores, Targets, discriminant
from coffea_fm.evaluation.discrimination import efficiencies
from coffea_fm.evaluation.overlay import overlay_with_ratio


def roc_figure(scores: Scores, target: Targets, metrics: Metrics) -> Figure:
    """Background efficiency against signal efficiency, one curve a class; all jets must be scored."""
    figure, axes = _panel("Signal efficiency", f"{metrics.background} efficiency")
    column = metrics.classes.index(metrics.background)
    for number, (name, separation) in enumerate(metrics.against_background.items()):
        index = metrics.classes.index(name)
        values = discriminant(scores, index, column)
        signal, background = efficiencies(values[target == index], values[target == column])
        seen = background > 0
        axes.plot(signal[seen], background[seen], color=f"C{number}", label=f"{name} ({separation.auc:.4f})")
    axes.set(xlim=(0, 1), yscale="log", ylim=(None, 1))
    axes.legend(title="AUC", fontsize="small")
    return figure


def score_figures(scores: Scores, target: Targets, classes: Sequence[str]) -> dict[str, Figure]:
    """Distribution of each class's score for jets of each true class, with ratios to the first class."""
    histogram: Any = hist.Hist(
        hist.axis.StrCategory(list(classes), name="truth"),
        hist.axis.Regular(25, 0, 1, name="score"),
        storage=hist.storage.Int64(),
    )
    figures = {}
    for index, name in enumerate(classes):
        histogram.reset()
        histogram.fill(truth=np.asarray(classes)[target].tolist(), score=np.clip(scores[:, index], 0, 1 - 1e-7))
        parts = {other: histogram[at, :] for at, other in enumerate(classes) if np.any(target == at)}
        figures[name] = overlay_with_ratio(parts, title=f"Score of {name}", legend="True class")
    return figures


def reliability_figure(metrics: Metrics) -> Figure:
    """Fraction predicted rightly against the highest score."""
    figure, axes = _panel("Highest score", "Fraction predicted rightly")
    pairs = zip(metrics.reliability.confidence, metrics.reliability.accuracy, metrics.reliability.jets, strict=True)
    points = np.array([(c, a, np.sqrt(a * (1 - a) / n)) for c, a, n in pairs if c is not None and a is not None])
    axes.errorbar(points[:, 0], points[:, 1], yerr=points[:, 2], fmt="o", color="C0")
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
    axes.set(xlim=(0, 1), ylim=(0, 1), title=f"Expected calibration error {metrics.reliability.expected_error:.4f}")
    return figure


def confusion_figure(metrics: Metrics) -> Figure:
    """Fraction of each true class predicted as each class."""
    figure, axes = _panel("Predicted class", "True class")
    confusion = np.array(metrics.confusion)
    axes.imshow(confusion, cmap="Blues", vmin=0, vmax=1)
    for (row, column), fraction in np.ndenumerate(confusion):
        axes.text(
            column, row, f"{fraction:.2f}", ha="center", va="center", color="w" if fraction > 0.5 else "k", size=7
        )
    ticks = range(len(metrics.classes))
    axes.set_xticks(ticks, metrics.classes, rotation=45)
    axes.set_yticks(ticks, metrics.classes)
    return figure


def _panel(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.5, 5.5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y)
    return figure, axes
