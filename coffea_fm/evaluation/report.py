"""Write the result of an evaluation: numbers, tables, figures, and one HTML page with all of them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from coffea_fm.bundle.manifest import WorkingPoint
from coffea_fm.evaluation.card import confusion_table, metrics_table
from coffea_fm.evaluation.classification import Metrics, Scores, Targets
from coffea_fm.evaluation.figures import confusion_figure, reliability_figure, roc_figure, score_figures
from coffea_fm.files import atomic

_STYLE = (
    "body{font:16px sans-serif;max-width:72em;margin:2em auto}td,th{padding:.2em .8em;text-align:right}img{width:32%}"
)


def write_evaluation(
    folder: Path,
    scores: Scores,
    target: Targets,
    metrics: Metrics,
    points: Sequence[WorkingPoint],
    about: Mapping[str, Any],
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
        From `coffea_fm.evaluation.working_points.working_points`.
    about : mapping
        What was evaluated on what; goes into ``metrics.json`` and the head of the page.

    Returns
    -------
    list of Path
        Everything written.
    """
    content = {**about, **asdict(metrics), "working_points": [point.model_dump(mode="json") for point in points]}
    tables = {"Against the background": metrics_table(metrics), "Confusion": confusion_table(metrics)}
    written = [folder / "metrics.json", folder / "metrics.md", folder / "report.html"]
    with atomic(written[0]) as path:
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    with atomic(written[1]) as path:
        path.write_text("\n\n".join(tables.values()) + "\n")
    images = {}
    for name, figure in _figures(scores, target, metrics).items():
        images[name] = _png(figure)
        written.append(folder / "figures" / f"{name}.png")
        with atomic(written[-1]) as path:
            path.write_bytes(images[name])
    with atomic(written[2]) as path:
        path.write_text(_page(about, tables, images))
    return written


def _figures(scores: Scores, target: Targets, metrics: Metrics) -> dict[str, Figure]:
    scored = np.isfinite(scores).all(axis=1)
    scores, target = scores[scored], target[scored]
    return {
        "roc": roc_figure(scores, target, metrics),
        "confusion": confusion_figure(metrics),
        "reliability": reliability_figure(metrics),
        **{f"score_{name}": figure for name, figure in score_figures(scores, target, metrics.classes).items()},
    }


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _page(about: Mapping[str, Any], tables: Mapping[str, str], images: Mapping[str, bytes]) -> str:
    title = html.escape(str(about.get("bundle", "Evaluation")))
    rows = "".join(f"<li>{html.escape(str(key))}: {html.escape(str(value))}</li>" for key, value in about.items())
    body = "".join(f"<h2>{html.escape(name)}</h2>{_html_table(text)}" for name, text in tables.items())
    pictures = "".join(
        f'<img alt="{html.escape(name)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        for name, png in images.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><ul>{rows}</ul>{body}<h2>Figures</h2>{pictures}</html>\n"
    )


def _html_table(markdown: str) -> str:
    """The text before a Markdown table as a paragraph, and the table."""
    lines = markdown.splitlines()
    text = " ".join(line for line in lines if not line.startswith("|"))
    header, _, *rows = [_cells(line) for line in lines if line.startswith("|")]
    head = "".join(f"<th>{cell}</th>" for cell in header)
    return f"<p>{html.escape(text)}</p><table><tr>{head}</tr>{''.join(map(_html_row, rows))}</table>"


def _cells(line: str) -> Sequence[str]:
    return [html.escape(cell.strip()) for cell in line.strip("|").split("|")]


def _html_row(cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
