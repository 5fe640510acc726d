"""The page of an evaluation: one HTML file that holds everything it shows."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from coffea_fm.bundle import WorkingPoint
from coffea_fm.evaluation.classification import Metrics
from coffea_fm.evaluation.tables import (
    Table,
    confusion_table,
    headline,
    separation_table,
    working_point_table,
)
from coffea_fm.plots.names import display_name

_CAPTIONS = {
    "roc": "Background efficiency against signal efficiency, with 68% intervals; dots are working points.",
    "confusion": "Fraction of each true class predicted as each class.",
    "reliability": "How often the predicted class is right, against its score, on the half of the jets that did not set "
    "the temperature.",
    "significance": "Significance improvement, the signal efficiency over the root of the background efficiency, with "
    "68% intervals; drawn as far as ten background jets pass.",
    "mass_sculpting": "Mass of the background before any tag, and after the tag of each class.",
    "embedding": "The embedding on its first two principal components.",
}
_KINDS = {
    "discriminant_": "Discriminant of {}, with its cuts.",
    "efficiency_": "Efficiency of the {} tag against kinematics, with 68% intervals.",
    "roc_": "Taggers of {}: background efficiency against signal efficiency, with 68% intervals.",
    "significance_": "Taggers of {}: significance improvement, with 68% intervals.",
    "background_": "Taggers of {}: background efficiency of the tag against kinematics, with 68% intervals.",
}


def render_page(
    about: Mapping[str, Any],
    metrics: Metrics,
    points: Sequence[WorkingPoint],
    images: Mapping[str, Path],
    warnings: Sequence[str] = (),
    tables: Sequence[Table] = (),
) -> str:
    """The page as HTML.

    Parameters
    ----------
    about : mapping
        What was evaluated on what; ``bundle`` and ``data`` are in the head of the page.
    metrics : Metrics
        Figures of merit.
    points : sequence of WorkingPoint
        Cuts and their efficiencies.
    images : mapping of str to Path
        PNG files by the names of `coffea_fm.evaluation.draw.draw_evaluation`.
    warnings : sequence of str
        What was left out or could not be drawn.
    tables : sequence of Table
        More than those of the metrics.
    """
    shown = {str(name): _text(value) for name, value in about.items() if value}
    return template("page.html.jinja").render(
        title=shown.get("bundle", "Evaluation"),
        data=shown.get("data", "labelled jets"),
        tiles=_tiles(metrics),
        warnings=[*_absent(metrics), *warnings],
        tables=[
            separation_table(metrics, display_name),
            working_point_table(points),
            confusion_table(metrics, display_name),
            *tables,
        ],
        calibration=_calibration(metrics),
        figures=[figure_entry(name, path) for name, path in images.items()],
        about=shown,
    )


def render_summary(
    title: str, metrics: Metrics, points: Sequence[WorkingPoint], remarks: Sequence[str], more: Sequence[Table] = ()
) -> str:
    """A short form without figures, for a notebook."""
    tables = [separation_table(metrics, display_name), working_point_table(points), *more]
    return template("summary.html.jinja").render(
        title=title, headline=headline(metrics), tables=tables, remarks=remarks
    )


def template(name: str) -> Template:
    """A template of this package."""
    loader = PackageLoader("coffea_fm.evaluation", ".")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(name)


def _tiles(metrics: Metrics) -> dict[str, str]:
    tiles = {
        "jets": f"{metrics.jets:,}",
        "classes with jets": f"{len(metrics.present)} of {len(metrics.classes)}",
        "accuracy": f"{metrics.accuracy:.4f} ± {metrics.accuracy_error:.4f}",
        "expected calibration error": f"{metrics.reliability.expected_error:.4f}",
    }
    return tiles | ({"jets without a score": f"{metrics.unscored:,}"} if metrics.unscored else {})


def _absent(metrics: Metrics) -> list[str]:
    if not metrics.absent:
        return []
    names = ", ".join(map(display_name, metrics.absent))
    return [f"The test has no jets of {names}: nothing is said of how well they are tagged."]


def _calibration(metrics: Metrics) -> str:
    before, after = metrics.reliability_other_half.expected_error, metrics.reliability_with_temperature.expected_error
    return (
        f"The expected calibration error is {metrics.reliability.expected_error:.4f}. A temperature of "
        f"{metrics.temperature:.3f} makes the scores of half of the jets most likely; on the other half it changes the "
        f"error from {before:.4f} to {after:.4f}. coffea-fm export --temperature {metrics.temperature:.3f} applies it."
    )


def figure_entry(name: str, path: Path) -> dict[str, Any]:
    """A figure as the page's template takes it."""
    kind = next((kind for kind in _KINDS if name.startswith(kind)), "")
    caption = _CAPTIONS.get(name) or _KINDS[kind].format(display_name(name.removeprefix(kind)))
    panels = name == "confusion" or kind in ("efficiency_", "background_")
    wide = name == "roc" or panels
    return {"caption": caption, "wide": wide, "panels": panels, "png": base64.b64encode(path.read_bytes()).decode()}


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
