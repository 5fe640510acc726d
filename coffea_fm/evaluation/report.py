"""Write the result of an evaluation: numbers, tables, figures, and one page with all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coffea_fm.bundle import WorkingPoint
from coffea_fm.evaluation.classification import Metrics, Scores, Targets
from coffea_fm.evaluation.domain_shift import Shift
from coffea_fm.evaluation.draw import draw_evaluation
from coffea_fm.evaluation.jets import JetData
from coffea_fm.evaluation.page import render_page
from coffea_fm.evaluation.sculpting import Divergence
from coffea_fm.evaluation.tables import (
    confusion_table,
    headline,
    sculpting_table,
    separation_table,
    shift_tables,
    working_point_table,
)
from coffea_fm.files import atomic
from coffea_fm.plots.style import SIMULATION, Label, save


def markdown(metrics: Metrics, points: Sequence[WorkingPoint]) -> str:
    """Headline and tables, as in ``metrics.md`` and in a model card."""
    tables = [separation_table(metrics), working_point_table(points), confusion_table(metrics)]
    return "\n\n".join([headline(metrics), *(table.markdown() for table in tables)]) + "\n"


def write_evaluation(
    folder: Path,
    scores: Scores,
    target: Targets,
    metrics: Metrics,
    points: Sequence[WorkingPoint],
    about: Mapping[str, Any],
    *,
    jets: JetData | None = None,
    sculpting: Mapping[str, Divergence] | None = None,
    shift: Shift | None = None,
    warnings: Sequence[str] = (),
    label: Label = SIMULATION,
) -> list[Path]:
    """Write ``metrics.json``, ``metrics.md``, the figures and ``report.html``.

    Parameters
    ----------
    folder : Path
        Where to.
    scores : float array of shape [n_jets, n_classes]
        Probabilities; rows of NaN are left out of the figures.
    target : int array of shape [n_jets]
        True class.
    metrics : Metrics
        From `coffea_fm.evaluation.classification.classification_metrics`.
    points : sequence of WorkingPoint
        From `coffea_fm.calibration.working_points.working_points`.
    about : mapping
        What was evaluated on what; goes into ``metrics.json`` and the page.
    jets : JetData, optional
        Kinematics and embedding, for more figures.
    sculpting : mapping of str to Divergence, optional
        By working point.
    shift : Shift, optional
        How far other data are.
    warnings : sequence of str
        Sentences for the page: what was left out.
    label : Label
        What stands above the figures.

    Returns
    -------
    list of Path
        Everything written.
    """
    content = {
        **about,
        **asdict(metrics),
        "working_points": [point.model_dump(mode="json") for point in points],
        "sculpting": {name: asdict(value) for name, value in (sculpting or {}).items()},
        "shift": None if shift is None else asdict(shift),
    }
    more = [*([sculpting_table(sculpting)] if sculpting else []), *([] if shift is None else shift_tables(shift))]
    written = [folder / "metrics.json", folder / "metrics.md"]
    with atomic(written[0]) as path:
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    with atomic(written[1]) as path:
        path.write_text("\n".join([markdown(metrics, points), *(f"{table.markdown()}\n" for table in more)]))
    images = {}
    for name, figure in draw_evaluation(scores, target, metrics, points, jets, label=label).items():
        png, pdf = save(figure, folder / "figures" / name)
        images[name] = png
        written += [png, pdf]
    page = folder / "report.html"
    with atomic(page) as path:
        path.write_text(render_page(about, metrics, points, images, warnings, more))
    return [*written, page]
