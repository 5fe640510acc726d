"""Tables of an evaluation, shared by the terminal, the model card and the report page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coffea_fm.bundle import WorkingPoint
from coffea_fm.evaluation.classification import Metrics
from coffea_fm.evaluation.discrimination import Rejection

Name = Callable[[str], str]


@dataclass(frozen=True)
class Table:
    """A table with a title; the first column holds names.

    Parameters
    ----------
    title : str
        Title.
    columns : tuple of str
        Column headers.
    rows : tuple of tuple of str
        Cells.
    note : str
        Note below the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """The table in Markdown, without the title. Columns are aligned to be readable in a terminal."""
        if not self.rows:
            return self.note
        widths = [max(map(len, cells)) for cells in zip(self.columns, *self.rows, strict=True)]
        rule = f"|{'-' * (widths[0] + 2)}|" + "".join(f"{'-' * (width + 1)}:|" for width in widths[1:])
        lines = [_line(self.columns, widths), rule, *(_line(row, widths) for row in self.rows)]
        return "\n".join([*lines, "", self.note] if self.note else lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join([first.strip().ljust(widths[0]), *others])} |"


def headline(metrics: Metrics) -> str:
    """Accuracy and calibration in sentences, and the missing classes."""
    text = (
        f"Accuracy on {metrics.jets} jets of {len(metrics.present)} classes: "
        f"{metrics.accuracy:.4f} ± {metrics.accuracy_error:.4f}"
        + (f" ({metrics.unscored} more have no score)" if metrics.unscored else "")
        + f"; expected calibration error {metrics.reliability.expected_error:.4f}."
    )
    if metrics.absent:
        text += f" The test sample has no jets of {', '.join(metrics.absent)}."
    return text


def separation_table(metrics: Metrics, name: Name = str) -> Table:
    """AUC and rejection of each class against the background; `name` maps a class to its label."""
    background = name(metrics.background)
    rows = tuple(
        (name(key), str(separation.jets), f"{separation.auc:.4f}", *_rejection(separation.rejection))
        for key, separation in metrics.against_background.items()
    )
    rejection = f"{background} rejection at {metrics.efficiency:.0%} efficiency"
    columns = ("class", "jets", f"AUC vs {background}", rejection, "68% interval")
    return Table(f"Each class against {background}", columns, rows)


def confusion_table(metrics: Metrics, name: Name = str) -> Table:
    """Fraction of each true class predicted as each class; classes without jets have no row."""
    rows = tuple(
        (name(key), *(f"{fraction:.3f}" for fraction in row))
        for key, row in zip(metrics.classes, metrics.confusion, strict=True)
        if metrics.jets_by_class[key]
    )
    return Table("Confusion", ("true \\ predicted", *map(name, metrics.classes)), rows)


def working_point_table(points: Sequence[WorkingPoint]) -> Table:
    """Each working point with its cut and efficiencies."""
    rows = tuple(
        (point.name, point.formula, f"{point.signal_efficiency:.3f}", f"{point.background_efficiency:.2e}")
        for point in points
    )
    note = "" if rows else "None: too few jets of the background class, or no jets of another class."
    columns = ("working point", "condition", "signal efficiency", "background efficiency")
    return Table("Working points", columns, rows, note)


def _rejection(rejection: Rejection) -> tuple[str, str]:
    if rejection.value is None or rejection.interval is None:
        return f"> {rejection.lower_limit:.0f} (95% CL)", "-"
    low, high = rejection.interval
    digits = 0 if rejection.value >= 20 else 1
    return f"{rejection.value:.{digits}f}", f"{low:.{digits}f} to {high:.{digits}f}"
