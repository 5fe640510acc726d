"""The common style of figures: fonts, colours, labels, panels, and saving."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import mplhep
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coffea_fm.files import atomic

COLORS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Ten colours that colour-blind readers can distinguish, also in greyscale (arXiv:2107.02270)."""

_COLOR_OF_CLASS = {
    "QCD": "#717581",
    "Hbb": "#3f90da",
    "Hcc": "#ffa90e",
    "Hgg": "#94a4a2",
    "H4q": "#832db6",
    "Hqql": "#a96b59",
    "Zqq": "#e76300",
    "Wqq": "#b9ac70",
    "Tbqq": "#bd1f01",
    "Tbl": "#92dadd",
}
"""A class has the same colour in every figure."""

MOST_CURVES = 6
"""Maximum number of curves in one panel; with more, they cannot be told apart."""

DPI = 200

_MOST_DECADES = 1e4
"""Range of a logarithmic axis below the largest value, so that single events with tiny weights do not stretch it."""

_RC: Any = {
    **mplhep.style.CMS,
    "axes.linewidth": 1.0,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.unicode_minus": True,
    "figure.figsize": (6.4, 5.2),
    "font.size": 13,
    "legend.title_fontsize": "small",
    "lines.linewidth": 1.6,
    "mathtext.fallback": "stixsans",
    "pdf.fonttype": 42,
    "xtick.major.pad": 5,
    "xtick.major.size": 6,
    "xtick.minor.size": 3,
    "ytick.major.size": 6,
    "ytick.minor.size": 3,
}


def colors_of(names: Iterable[str]) -> dict[str, str]:
    """Choose the colours of classes, processes or taggers drawn together.

    Jet classes always have the same colour, whichever others are in the figure. Other names take the remaining colours
    in the given order; these repeat if there are more names than colours.
    """
    listed = list(names)
    known = {name: _COLOR_OF_CLASS[name] for name in listed if name in _COLOR_OF_CLASS}
    free = cycle([color for color in COLORS if color not in known.values()] or COLORS)
    return {name: known.get(name) or next(free) for name in listed}


@dataclass(frozen=True)
class Label:
    """The text above the frame of a figure.

    Parameters
    ----------
    status : str
        E.g. ``Simulation`` or ``Preliminary``; empty for plain data.
    experiment : str
        Name of the experiment, in bold before the status.
    energy : float, optional
        Centre-of-mass energy, TeV.
    luminosity : float, optional
        Integrated luminosity that the events are scaled to, fb⁻¹.
    """

    status: str = "Simulation"
    experiment: str = ""
    energy: float | None = None
    luminosity: float | None = None

    @property
    def conditions(self) -> str:
        """Luminosity and energy, if known."""
        energy = "" if self.energy is None else f"{self.energy:g} TeV"
        if self.luminosity is None:
            return energy
        return f"{self.luminosity:g} fb$^{{-1}}$" + (f" ({energy})" if energy else "")


SIMULATION = Label()

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs every glyph in a PDF


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of the package; also a decorator (``@style()``) for functions that draw."""
    with mpl.rc_context(_RC):
        yield


def one_panel(label: Label = SIMULATION, *, size: tuple[float, float] | None = None) -> tuple[Figure, Axes]:
    """A figure with one panel and the label above it; call it within `style`."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    write_label(axes, label)
    return figure, axes


def two_panels(label: Label = SIMULATION) -> tuple[Figure, Axes, Axes]:
    """A figure with a large panel and, on the same horizontal axis, a small one for ratios; call it within `style`."""
    figure = Figure(figsize=(6.4, 6.2), layout="constrained")
    figure.get_layout_engine().set(hspace=0.02, h_pad=0.02)  # type: ignore[union-attr, call-arg]
    main, below = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    write_label(main, label)
    return figure, main, below


def write_label(axes: Axes, label: Label) -> None:
    """Write experiment and status at the left above the frame, luminosity and energy at the right."""
    experiment = rf"$\bf{{{label.experiment}}}$" if label.experiment else ""
    axes.set_title(
        " ".join(part for part in (experiment, label.status) if part),
        loc="left",
        fontsize="medium",
        fontstyle="italic",
    )
    axes.set_title(label.conditions, loc="right", fontsize="small")


def note(axes: Axes, text: str) -> None:
    """Write a description in the upper left corner of a panel, such as a region or ``normalised to unit area``."""
    axes.text(0.03, 0.96, text, transform=axes.transAxes, ha="left", va="top", fontsize="x-small", linespacing=1.4)


def fit_range(axes: Axes, values: npt.NDArray[np.float64], *, room: float = 1.45) -> None:
    """Scale the vertical axis to non-negative values; logarithmic if they span more than two decades.

    Parameters
    ----------
    axes : Axes
        The panel.
    values : float64 array
        All values drawn; NaN and zeros are ignored.
    room : float
        Height of the axis relative to the largest value, to leave room for legend and notes.
    """
    positive = values[np.isfinite(values) & (values > 0)]
    if len(positive) and positive.max() > 100 * positive.min():
        low, high = max(positive.min(), positive.max() / _MOST_DECADES), positive.max()
        decades = np.log10(high / low)
        axes.set(yscale="log", ylim=(0.5 * low, high * 10 ** (decades * (room - 1))))
    else:
        axes.set_ylim(0, room * positive.max() if len(positive) else 1)


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as PNG and as PDF.

    Parameters
    ----------
    figure : Figure
        As drawn.
    stem : Path
        Path without suffix.

    Returns
    -------
    list of Path
        The two files.
    """
    written = [stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "pdf")]
    with style():
        figure.align_ylabels()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the layout is final, do not repeat it for each file
        for path, kind in zip(written, ("png", "pdf"), strict=True):
            with atomic(path) as temporary:
                metadata = {"CreationDate": None} if kind == "pdf" else None
                figure.savefig(temporary, format=kind, dpi=DPI, metadata=metadata)
    return written
