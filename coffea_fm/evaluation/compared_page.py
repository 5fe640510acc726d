"""The page of a comparison of taggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from coffea_fm.evaluation.page import figure_entry, template
from coffea_fm.evaluation.tables import Table


def render_comparison(
    title: str,
    data: str,
    tables: Sequence[Table],
    images: Mapping[str, Path],
    warnings: Sequence[str],
    about: Mapping[str, str],
) -> str:
    """The page as HTML: tables and figures of all taggers, and which they are.

    Parameters
    ----------
    title, data : str
        Which taggers, on what.
    tables : sequence of Table
        As shown.
    images : mapping of str to Path
        PNG files by the names of `coffea_fm.evaluation.draw_comparison.draw_comparison`.
    warnings : sequence of str
        What was left out.
    about : mapping of str to str
        What is told at the end.
    """
    return template("page.html.jinja").render(
        title=title,
        data=data,
        tiles={},
        warnings=warnings,
        tables=tables,
        calibration="",
        figures=[figure_entry(name, path) for name, path in images.items()],
        about=about,
    )


def render_comparison_summary(title: str, tables: Sequence[Table], remarks: Sequence[str]) -> str:
    """A short form without figures, for a notebook."""
    return template("summary.html.jinja").render(title=title, headline="", tables=tables, remarks=remarks)
