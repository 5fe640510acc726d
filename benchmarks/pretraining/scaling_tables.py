"""The table and the figure of the scaling laws."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from laws import Law, fit, held_out
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

JETS = 1e8
"""For which the laws are continued."""
PARAMETERS = 3
"""Of a law."""
VARIED = {"parameters": "parameters", "data": "jets", "compute": "seen"}
LABELS = {"parameters": "parameters of the encoder", "data": "different jets", "compute": "seen jets"}
QUANTITIES = {"loss": "loss", "error": "1 - accuracy of the linear probe"}


class Curve(NamedTuple):
    """A quantity of a method along an axis, with its fit."""

    method: str
    axis: str
    quantity: str
    x: Any
    y: Any
    error: Any
    law: Law


def curves(found: list[dict[str, Any]], axes: dict[str, dict[str, Any]]) -> Iterator[Curve]:
    """All of them; the error of a point is the spread over seeds, pooled over the points of a method and quantity."""
    results = pd.DataFrame(found)
    results["error"] = 1 - results["accuracy"]
    for method, of_method in results.groupby("method", sort=False):
        for quantity in QUANTITIES:
            groups = of_method.groupby(["size", "jets", "seen"])[quantity]
            spread = float(np.sqrt(groups.var().mean()))
            for name, axis in axes.items():
                rows = of_method
                for key in ("size", "jets", "seen"):
                    rows = rows[rows[key].isin(axis[key] if isinstance(axis[key], list) else [axis[key]])]
                points = rows.groupby(VARIED[name])[quantity].agg(["mean", "count"])
                x, y = points.index.to_numpy(float), points["mean"].to_numpy()
                error = spread / np.sqrt(points["count"].to_numpy())
                yield Curve(str(method), name, quantity, x, y, error, fit(x, y, error))


def write_laws(found: list[dict[str, Any]], axes: dict[str, dict[str, Any]], output: Path) -> None:
    """Write ``scaling.md`` and ``scaling.png``."""
    all_curves = list(curves(found, axes))
    hours = sum(result["core_minutes"] for result in found) / 60
    parts = [introduction(len(found), hours), laws_table(all_curves), "\n## Where they stop holding\n", HELD_OUT]
    parts += [held_out_table(all_curves), "\n## What was measured\n", points_table(found)]
    output.mkdir(parents=True, exist_ok=True)
    (output / "scaling.md").write_text("\n".join(parts))
    draw(all_curves, output / "scaling.png")


def introduction(pretrainings: int, hours: float) -> str:
    """What was done, with which command."""
    return f"""# Scaling laws

`make benchmark-laws`: {pretrainings} pretrainings, {hours:.1f} core-hours. *loss*: that of the method on validation jets, of the best
checkpoint; those of different methods cannot be compared. *error*: 1 - accuracy of a linear probe on ten classes. Fits of
L = floor + B / x^β to each; errors are half of the central 68% of fits to points that are fluctuated by their errors, which
are the spread over seeds. *not resolved*: β is not above twice its error, or β or the floor is at a bound; the prediction then means little.
A χ² far above its degrees of freedom says that no such law goes through the points.
The last column continues the law to 100 million different jets (data, at a fixed number of seen jets) or seen jets
(compute): far beyond the points, so the error of the fit is a lower limit of the real one.

![laws](scaling.png)
"""


HELD_OUT = """The largest point of each curve, predicted by a fit to the others. A pull above 2 says that the law of the smaller points
does not hold there; a large error of the prediction says that they could not tell.
"""


def with_error(value: float, error: float) -> str:
    """A number with its error, to the same digits."""
    return f"{value:.3f} ± {error:.3f}"


def laws_table(all_curves: list[Curve]) -> str:
    """Exponents, floors and predictions."""
    lines = [
        "| method | against | quantity | points | β | floor | χ² / degrees | at 100 M jets |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for curve in all_curves:
        beta = with_error(*curve.law.beta) + ("" if curve.law.resolved else ", not resolved")
        value, lower, upper = curve.law(JETS)
        far = "" if curve.axis == "parameters" else f"{value:.3f} ({lower:.3f} to {upper:.3f})"
        chi2 = (((curve.law(curve.x)[0] - curve.y) / curve.error) ** 2).sum()
        cells = [curve.method, curve.axis, curve.quantity, str(len(curve.x)), beta, with_error(*curve.law.floor)]
        cells += [f"{chi2:.1f} / {len(curve.x) - PARAMETERS}", far]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def held_out_table(all_curves: list[Curve]) -> str:
    """Predicted against measured."""
    lines = [
        "| method | against | quantity | largest | predicted | measured | pull |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for curve in all_curves:
        found = held_out(curve.x, curve.y, curve.error)
        cells = [curve.method, curve.axis, curve.quantity, f"{curve.x.max():,.0f}"]
        cells += [with_error(found.predicted, found.predicted_error), with_error(found.measured, found.measured_error)]
        lines.append(f"| {' | '.join(cells)} | {found.pull:+.1f} |")
    return "\n".join(lines) + "\n"


def points_table(found: list[dict[str, Any]]) -> str:
    """Mean over the seeds at every point."""
    columns = ["loss", "accuracy", "core_minutes"]
    keys = ["method", "parameters", "jets", "seen"]
    points = pd.DataFrame(found).groupby(keys, sort=True)
    counts, means = points.size(), points[columns].mean()
    lines = ["| method | parameters | jets | seen | seeds | loss | probe | core-minutes |", "|---|" + "---:|" * 7]
    for (method, *numbers), row in means.iterrows():
        cells = [method, *(f"{number:,}" for number in numbers), str(counts[(method, *numbers)])]
        cells += [f"{row['loss']:.3f}", f"{row['accuracy']:.3f}", f"{row['core_minutes']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(all_curves: list[Curve], path: Path) -> None:
    """Loss (relative to the smallest point of its curve) above, probe below; one column for each axis."""
    mpl.use("Agg")
    methods = list(dict.fromkeys(curve.method for curve in all_curves))
    figure, panels = plt.subplots(2, len(VARIED), figsize=(13, 8), sharex="col", squeeze=False)
    for curve in all_curves:
        row, column = list(QUANTITIES).index(curve.quantity), list(VARIED).index(curve.axis)
        draw_curve(panels[row, column], curve, f"C{methods.index(curve.method)}", relative=row == 0)
    for column, name in enumerate(VARIED):
        panels[1, column].set(xlabel=LABELS[name], xscale="log")
        panels[1, column].xaxis.set_minor_formatter(NullFormatter())
    panels[0, 0].set_ylabel("loss / loss at the smallest x")
    panels[1, 0].set_ylabel(QUANTITIES["error"])
    for panel in panels.flat:
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_curve(panel: Axes, curve: Curve, colour: str, *, relative: bool) -> None:
    """Points with errors, and the fit with its band, dashed beyond the points and where it is not resolved."""
    unit = curve.y[0] if relative else 1.0
    beta, error = curve.law.beta
    label = f"{curve.method}, β = {beta:.2f} ± {error:.2f}" if curve.law.resolved else f"{curve.method}, β not resolved"
    panel.errorbar(curve.x, curve.y / unit, curve.error / unit, fmt="o", ms=4, color=colour, label=label)
    x = np.geomspace(curve.x.min(), 3 * curve.x.max(), 60)
    value, lower, upper = curve.law(x)
    inside = x <= curve.x.max()
    style = "-" if curve.law.resolved else ":"
    panel.plot(x[inside], value[inside] / unit, color=colour, ls=style)
    panel.plot(x[~inside], value[~inside] / unit, color=colour, ls="--")
    panel.fill_between(x, lower / unit, upper / unit, color=colour, alpha=0.15, lw=0)
