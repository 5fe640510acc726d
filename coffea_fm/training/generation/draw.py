"""The figure of generated jets: distributions of real, decoded and generated ones, and their ratios."""

from __future__ import annotations

from collections.abc import Mapping

import hist
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.bins import Bins
from coffea_fm.plots.style import COLORS, SIMULATION, Label, note, style, write_label
from coffea_fm.training.generation.comparison import Comparison, Jets
from coffea_fm.training.generation.substructure import OBSERVABLES

_BINS = 30
_COLUMNS = 3
_LINES = {"reference": ("#717581", "-"), "decoded": (COLORS[1], "--"), "generated": (COLORS[0], "-")}
_RATIO = (0.1, 10.0)
"""Of the panels of ratios, which are logarithmic: a generator may be far off."""
_NAMES = {"reference": "real", "decoded": "decoded", "generated": "generated"}
_VISIBLE = 0.05
_ROOM = 1.7
"""Height of a panel above its highest bin, for text."""


@style()
def draw_generated(
    reference: Jets, samples: Mapping[str, Jets], comparison: Comparison, *, label: Label = SIMULATION, text: str = ""
) -> Figure:
    """Draw all observables, each normalised to unit area, above the ratio to the reference.

    Bands are statistical errors. The Wasserstein distances to the reference stand in the panels, with the share of jets
    that are outside the axis or have no value, if there are many.

    Parameters
    ----------
    reference : mapping of str to float64 array
        Observables of real jets.
    samples : mapping of str to mapping
        The same of other jets; ``decoded`` and ``generated`` are drawn.
    comparison : Comparison
        Their distances.
    label : Label
        Text above the frames.
    text : str
        What the jets are.
    """
    figure = Figure(figsize=(13.5, 9.4), layout="constrained")
    rows = -(-len(OBSERVABLES) // _COLUMNS)
    panels = figure.subplots(2 * rows, _COLUMNS, sharex=False, height_ratios=[3, 1] * rows)
    drawn = {"reference": reference} | {name: samples[name] for name in _LINES if name in samples}
    for at, name in enumerate(OBSERVABLES):
        row, column = divmod(at, _COLUMNS)
        main, below = panels[2 * row, column], panels[2 * row + 1, column]
        shapes = _shapes(name, {key: jets[name] for key, jets in drawn.items()})
        _draw(main, below, shapes, comparison.jets)
        write_label(main, label)
        unit = " GeV" if "[GeV]" in OBSERVABLES[name] else ""
        given = [f"$W_1$ of {sample}: {value}{unit}" for sample, value in comparison.distances[name].items()]
        given += _not_shown({key: jets[name] for key, jets in drawn.items()}, shapes["reference"])
        note(main, "\n".join(([text] if text and at == 0 else []) + given))
        if at == 0:
            main.legend(loc="upper right", fontsize="x-small")
    return figure


def _shapes(name: str, values: Mapping[str, DoubleArray]) -> dict[str, Bins]:
    """Histograms of one observable, divided by all jets, in the range where nearly all jets of each sample are."""
    ends = np.array([np.nanquantile(jets, [0.01, 0.99]) for jets in values.values()])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    step = _round((high - low) / _BINS)
    shift = 0.0
    if name == "multiplicity":  # whole numbers are in the middle of bins
        step, shift = max(1.0, np.ceil(step)), 0.5
    first, last = np.floor(low / step), np.ceil(high / step)
    axis = hist.axis.Regular(int(last - first), first * step - shift, last * step - shift, label=OBSERVABLES[name])
    shapes = {}
    for sample, numbers in values.items():
        filled = hist.Hist(axis, storage=hist.storage.Weight(), label="Jets").fill(numbers[~np.isnan(numbers)])
        shapes[sample] = Bins.of(filled).over(float(np.count_nonzero(~np.isnan(numbers))))
    return shapes


def _not_shown(values: Mapping[str, DoubleArray], shape: Bins) -> list[str]:
    """Samples of which a visible share of the jets is outside of the axis, or has no value."""
    low, high = shape.edges[0], shape.edges[-1]
    shares = {sample: 1.0 - np.mean((jets >= low) & (jets < high)) for sample, jets in values.items()}
    return [f"{share:.0%} of {_NAMES[sample]} not shown" for sample, share in shares.items() if share > _VISIBLE]


def _round(width: float) -> float:
    """The nearest of 1, 2, 2.5, 5 and 10 times a power of ten."""
    power = 10 ** np.floor(np.log10(width))
    return float(power * min((1, 2, 2.5, 5, 10), key=lambda digit: abs(digit - width / power)))


def _draw(main: Axes, below: Axes, shapes: Mapping[str, Bins], numbers: Mapping[str, int]) -> None:
    reference = shapes["reference"]
    known = np.where(reference.values > 0, reference.values, np.nan)
    for sample, shape in shapes.items():
        color, line = _LINES[sample]
        shape.draw(main, color=color, label=f"{_NAMES[sample]} ({numbers[sample]:,})", linestyle=line)
        ratio = Bins(shape.edges, shape.values / known, shape.errors / known, shape.quantity, shape.entries)
        ratio.draw(below, color=color, linestyle=line)
    main.set_ylim(0, _ROOM * max(shape.values.max() for shape in shapes.values()))
    ends = (reference.edges[0], reference.edges[-1])
    main.set(ylabel=reference.per_bin, xlim=ends, xticklabels=[])
    below.set(xlabel=reference.quantity, ylabel="Ratio to real", xlim=ends, yscale="log", ylim=_RATIO)
