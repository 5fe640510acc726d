"""Figures with several taggers on one axis."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from coffea_fm.calibration.discriminant import discriminant
from coffea_fm.calibration.working_points import passes
from coffea_fm.evaluation.discrimination import Roc, roc
from coffea_fm.evaluation.draw import drawn_curve
from coffea_fm.evaluation.draw_jets import chosen_points
from coffea_fm.evaluation.jets import LABELS
from coffea_fm.evaluation.result import Evaluation
from coffea_fm.evaluation.sculpting import edges_of, efficiency_profile
from coffea_fm.evaluation.significance import SHOWN, significance_improvement
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.profiles import Profile, profile_figure
from coffea_fm.plots.roc import roc_figure
from coffea_fm.plots.significance import significance_figure
from coffea_fm.plots.style import SIMULATION, Label


def draw_comparison(evaluations: Mapping[str, Evaluation], *, label: Label = SIMULATION) -> dict[str, Figure]:
    """For each class that all taggers separate: ROC, significance improvement, background efficiency by kinematics.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By tagger, of the same jets, all of them scored.
    label : Label
        What stands above the frames.
    """
    first, *others = (evaluation.metrics for evaluation in evaluations.values())
    figures = {}
    for name in first.against_background:
        if not all(name in metrics.against_background for metrics in others):
            continue
        curves = {tagger: _curve(evaluation, name) for tagger, evaluation in evaluations.items()}
        drawn = {
            tagger: drawn_curve(
                curve, evaluations[tagger].metrics.against_background[name].auc, _marks(evaluations[tagger], name)
            )
            for tagger, curve in curves.items()
        }
        figures[f"roc_{name}"] = roc_figure(drawn, first.background, signal=name, label=label)
        improved = {tagger: significance_improvement(curve) for tagger, curve in curves.items()}
        improved = {tagger: curve for tagger, curve in improved.items() if len(curve.signal)}
        if improved:
            figures[f"significance_{name}"] = significance_figure(
                improved,
                legend="Tagger",
                label=label,
                text=f"{tex_name(name)} against {tex_name(first.background)}\n{SHOWN}",
            )
        if (profiles := _profiles(evaluations, name, label)) is not None:
            figures[f"background_{name}"] = profiles
    return figures


def _curve(evaluation: Evaluation, name: str) -> Roc:
    metrics = evaluation.metrics
    signal, background = metrics.classes.index(name), metrics.classes.index(metrics.background)
    values = discriminant(evaluation.scores, signal, background)
    return roc(values[evaluation.target == signal], values[evaluation.target == background])


def _marks(evaluation: Evaluation, name: str) -> list[tuple[float, float]]:
    return [
        (point.signal_efficiency, point.background_efficiency)
        for point in evaluation.working_points
        if point.signal == (name,)
    ]


def _profiles(evaluations: Mapping[str, Evaluation], name: str, label: Label) -> Figure | None:
    """Background that passes the tag of one class against each quantity."""
    first = next(iter(evaluations.values()))
    total = first.metrics.jets_by_class[first.metrics.background]
    points = {tagger: chosen_points(part.working_points, total).get(name) for tagger, part in evaluations.items()}
    if not first.jets.variables or any(point is None for point in points.values()):
        return None
    panels: dict[str, dict[str, Profile]] = {LABELS[variable]: {} for variable in first.jets.variables}
    level = ""
    for tagger, evaluation in evaluations.items():
        point = points[tagger]
        assert point is not None
        classes = evaluation.metrics.classes
        is_background = evaluation.target == classes.index(evaluation.metrics.background)
        passed = passes(evaluation.scores, classes, point)[is_background]
        level = point.name.removeprefix(f"{name}_")
        for variable, values in evaluation.jets.variables.items():
            panels[LABELS[variable]][tagger] = efficiency_profile(values[is_background], passed, edges_of(values))
    text = f"{tex_name(first.metrics.background)} jets\n{tex_name(name)} tag ({level})"
    return profile_figure(panels, label=label, text=text, legend="Tagger")
