"""Figures of what a tagger does to jets: significance, efficiency against kinematics, mass, embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import hist
import numpy as np
from matplotlib.figure import Figure

from coffea_fm.arrays import BoolArray, DoubleArray, Scores, Targets
from coffea_fm.bundle import WorkingPoint
from coffea_fm.calibration.discriminant import discriminant
from coffea_fm.calibration.working_points import passes
from coffea_fm.evaluation.classification import Metrics
from coffea_fm.evaluation.discrimination import roc
from coffea_fm.evaluation.embedding_map import principal_map
from coffea_fm.evaluation.jets import LABELS, JetData
from coffea_fm.evaluation.sculpting import MASS_BINS, edges_of, efficiency_profile, mass_of
from coffea_fm.evaluation.significance import SHOWN, significance_improvement
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.points import points_figure
from coffea_fm.plots.profiles import profile_figure
from coffea_fm.plots.shapes import shapes_figure
from coffea_fm.plots.significance import significance_figure
from coffea_fm.plots.style import SIMULATION, Label, colors_of

_ENOUGH = 100
"""Background jets that pass the working point that is shown, if there are so many: fewer have no shape."""
_MOST_POINTS = 2000
"""Points of one class in the map; more hide one another."""


def draw_jets(
    scores: Scores,
    target: Targets,
    metrics: Metrics,
    points: Sequence[WorkingPoint],
    jets: JetData,
    *,
    label: Label = SIMULATION,
) -> dict[str, Figure]:
    """The figures by name, as far as there is something to draw: significance, efficiencies, masses, embedding.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities, finite.
    target : int array of shape [n_jets]
        True class.
    metrics : Metrics
        Their figures of merit.
    points : sequence of WorkingPoint
        The one of each class that is shown is `chosen_points`.
    jets : JetData
        Kinematics and embedding.
    label : Label
        What stands above the frames.
    """
    column = metrics.classes.index(metrics.background)
    is_background = target == column
    figures: dict[str, Figure] = {}
    curves = {}
    for name in metrics.against_background:
        value = discriminant(scores, metrics.classes.index(name), column)
        curve = significance_improvement(roc(value[target == metrics.classes.index(name)], value[is_background]))
        if len(curve.signal):
            curves[name] = curve
    if curves:
        figures["significance"] = significance_figure(
            curves, label=label, text=f"against {tex_name(metrics.background)}\n{SHOWN}"
        )
    chosen = chosen_points(points, int(is_background.sum()))
    passed = {name: passes(scores, metrics.classes, point) for name, point in chosen.items()}
    if jets.variables:
        for name, point in chosen.items():
            parts = {name: target == metrics.classes.index(name), metrics.background: is_background}
            panels = {
                LABELS[variable]: {
                    key: efficiency_profile(values[part], passed[name][part], edges_of(values))
                    for key, part in parts.items()
                }
                for variable, values in jets.variables.items()
            }
            text = f"{tex_name(name)} tag ({point.name.removeprefix(f'{name}_')})"
            figures[f"efficiency_{name}"] = profile_figure(panels, label=label, text=text, legend="True class")
    mass = mass_of(jets.variables)
    if mass and passed:
        figures["mass_sculpting"] = _masses(
            mass,
            jets.variables[mass],
            is_background,
            {point.name: passed[name] for name, point in chosen.items()},
            metrics,
            list(chosen),
            label,
        )
    if jets.embedding.shape[-1] and len(jets.embedding) > 2:
        figures["embedding"] = _embedding(jets, target, metrics, label)
    return figures


def chosen_points(points: Sequence[WorkingPoint], n_background: int) -> dict[str, WorkingPoint]:
    """The working point of each signal class that figures show: the tightest with enough background, else the loosest.

    Parameters
    ----------
    points : sequence of WorkingPoint
        From the loosest to the tightest of each class.
    n_background : int
        Background jets before the cut.
    """
    chosen: dict[str, WorkingPoint] = {}
    for point in points:
        if point.background_efficiency * n_background >= _ENOUGH:
            chosen[point.signal[0]] = point
        else:
            chosen.setdefault(point.signal[0], point)
    return chosen


def _masses(
    name: str,
    values: Scores,
    is_background: BoolArray,
    passed: Mapping[str, BoolArray],
    metrics: Metrics,
    signals: Sequence[str],
    label: Label,
) -> Figure:
    edges = edges_of(values[is_background], MASS_BINS)
    axis = hist.axis.Regular(MASS_BINS, edges[0], edges[-1], name="mass", label=LABELS[name])
    parts = {"before any tag": is_background, **{key: part & is_background for key, part in passed.items()}}
    histograms = {
        key: hist.Hist(axis, storage=hist.storage.Weight(), label="Jets").fill(values[part])
        for key, part in parts.items()
        if np.histogram(values[part], edges)[0].any()
    }
    text = f"{tex_name(metrics.background)} jets after each tag"
    colors = colors_of([metrics.background, *signals])
    colors = {"before any tag": colors[metrics.background]} | {
        key: colors[name] for key, name in zip(passed, signals, strict=True)
    }
    return shapes_figure(histograms, label=label, legend="Tag", text=text, colors=colors)


def _embedding(jets: JetData, target: Targets, metrics: Metrics, label: Label) -> Figure:
    finite = np.isfinite(jets.embedding).all(axis=1)
    where, fractions = principal_map(jets.embedding[finite])
    of = target[jets.embedded][finite]
    points: dict[str, DoubleArray] = {
        name: where[of == at][:: max(1, int((of == at).sum()) // _MOST_POINTS)]
        for at, name in enumerate(metrics.classes)
        if (of == at).any()
    }
    axes = tuple(f"Component {at + 1} ({fraction:.0%} of the variance)" for at, fraction in enumerate(fractions))
    return points_figure(points, (axes[0], axes[1]), label=label)
