"""Draw all histograms of a processor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hist import BaseHist
from matplotlib.figure import Figure

from coffea_fm.names import safe_path
from coffea_fm.plots.categories import NOMINAL, Comparison, comparisons
from coffea_fm.plots.shapes import shapes_figure, single_figure
from coffea_fm.plots.stack import stack_figure
from coffea_fm.plots.style import SIMULATION, Label, save
from coffea_fm.plots.variations import variations_figure

DATA = "data"
"""The process name of data."""


def label_of(output: Any) -> Label:
    """The label of a processor's figures: its output may name one ``luminosity`` (fb⁻¹) and one ``energy`` (TeV)."""
    found = output if isinstance(output, Mapping) else {}
    return replace(SIMULATION, luminosity=_one_number(found.get("luminosity")), energy=_one_number(found.get("energy")))


def signals_of(output: Any) -> frozenset[str]:
    """Signal processes: those with a ``mass`` in a processor's output, see `coffea_fm.analysis.counts`."""
    found = output.get("mass") if isinstance(output, Mapping) else None
    return frozenset(map(str, found)) if isinstance(found, Mapping) else frozenset()


def draw_histograms(
    histograms: Mapping[str, BaseHist[Any]],
    folder: Path,
    *,
    label: Label = SIMULATION,
    signals: Collection[str] = (),
) -> tuple[list[Path], dict[str, str]]:
    """Draw every histogram by each of its categories, as PNG and as PDF.

    Parameters
    ----------
    histograms : mapping of str to hist.BaseHist
        By name.
    folder : Path
        Output folder.
    label : Label
        Text above the frames. With a luminosity, contents are expected events and processes are stacked; otherwise
        shapes are compared.
    signals : collection of str
        Processes drawn as lines over the others.

    Returns
    -------
    written : list of Path
        Paths of the figures.
    failed : dict of str to str
        Why a figure could not be drawn, in one sentence, by name. Errors are not raised, because a failed figure
        must not stop a run at its end.
    """
    written: list[Path] = []
    failed: dict[str, str] = {}
    for name, histogram in histograms.items():
        figure_name = name
        try:
            for comparison in comparisons(histogram):
                figure_name = f"{name}_by_{comparison.name}"
                figure = _figure(comparison, label, name.rpartition("/")[2], signals)
                written += save(figure, folder / safe_path(figure_name))
        except Exception as error:  # noqa: BLE001 - matplotlib and hist may raise anything for a user's histogram
            reason = " ".join(str(error).split()) or type(error).__name__
            failed[figure_name] = f"the figure {figure_name} could not be drawn: {reason[:200]}"
    return written, failed


def _figure(comparison: Comparison, label: Label, text: str, signals: Collection[str]) -> Figure:
    parts = comparison.parts
    if comparison.kind == "variations":
        nominal = parts[NOMINAL]
        others = {name: part for name, part in parts.items() if name != NOMINAL}
        return variations_figure(nominal, others, label=label, text="\n".join(filter(None, (text, comparison.by))))
    if comparison.kind == "processes" and label.luminosity is not None:
        data = parts.get(DATA)
        lines = {name: part for name, part in parts.items() if name in signals}
        backgrounds = {name: part for name, part in parts.items() if name != DATA and name not in lines}
        shown = label if data is None else replace(label, status="")
        if backgrounds:
            return stack_figure(backgrounds, signals=lines, data=data, label=shown, text=text)
    if len(parts) == 1:
        return single_figure(next(iter(parts.values())), label=label, text=text)
    return shapes_figure(parts, label=label, legend=comparison.by, text=text)


def _one_number(value: object) -> float | None:
    if isinstance(value, set | frozenset | list | tuple) and len(value) == 1:
        (value,) = value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
