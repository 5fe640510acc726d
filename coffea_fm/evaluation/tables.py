"""Tables of an evaluation, shared by the terminal, the model card and the report page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coffea_fm.bundle import WorkingPoint
from coffea_fm.evaluation.classification import Metrics
from coffea_fm.evaluation.discrimination import Rejection
from coffea_fm.evaluation.domain_shift import Shift
from coffea_fm.evaluation.paired import Paired
from coffea_fm.evaluation.sculpting import Divergence

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


def tagger_table(metrics: Mapping[str, Metrics], differences: Mapping[str, Paired]) -> Table:
    """Accuracy of each tagger, and the difference to the first."""
    first = next(iter(metrics))
    rows = tuple(
        (
            name,
            f"{differences[name].accuracy:.4f}",
            "-" if name == first else differences[name].accuracy_difference.text("+.4f"),
            f"{part.reliability.expected_error:.4f}",
            f"{part.temperature:.3f}",
        )
        for name, part in metrics.items()
    )
    jets = metrics[first].jets
    note = (
        f"All on the same {jets} jets, among the classes that all of them score. Differences are with 68% intervals of a "
        "bootstrap that takes the same jets for all."
    )
    columns = ("tagger", "accuracy", f"minus {first}", "expected calibration error", "best temperature")
    return Table("Taggers", columns, rows, note)


def versus_table(metrics: Mapping[str, Metrics], differences: Mapping[str, Paired], name: Name = str) -> Table:
    """AUC and rejection by class and tagger, and their differences to the first."""
    first = next(iter(metrics))
    background, efficiency = metrics[first].background, metrics[first].efficiency
    rows = []
    for key in differences[first].auc_difference:
        for tagger, part in metrics.items():
            separation, difference = part.against_background[key], differences[tagger]
            ratio = difference.rejection_ratio.get(key)
            rejection, interval = _rejection(separation.rejection)
            rows.append(
                (
                    name(key),
                    tagger,
                    f"{separation.auc:.4f}",
                    "-" if tagger == first else difference.auc_difference[key].text("+.4f"),
                    rejection,
                    interval,
                    "-" if tagger == first or ratio is None else ratio.text(".2f"),
                )
            )
    rejected = f"{name(background)} rejection at {efficiency:.0%} efficiency"
    columns = (
        "class",
        "tagger",
        f"AUC vs {name(background)}",
        f"minus {first}",
        rejected,
        "68% interval",
        f"over {first}",
    )
    return Table(f"Each class against {name(background)}", columns, tuple(rows))


def sculpting_table(divergences: Mapping[str, Divergence]) -> Table:
    """How much each working point shapes the mass of the background."""
    rows = tuple(
        (name, str(part.passed), f"{part.value:.4f}", f"{part.by_chance:.4f}") for name, part in divergences.items()
    )
    note = (
        "Jensen-Shannon divergence, in bits, of the background's mass before and after the cut. As few jets drawn blindly "
        "stay below the last column in 95% of all cases."
    )
    columns = ("working point", "background jets that pass", "divergence", "by chance below")
    return Table("Sculpting of the background's mass", columns, rows, note)


def shift_tables(shift: Shift) -> list[Table]:
    """Two-sample tests, and efficiencies in both data."""
    tests = tuple(
        (
            test.selection,
            f"{test.jets[0]} and {test.jets[1]}",
            f"{test.auc:.3f}",
            "{:.3f} to {:.3f}".format(*test.interval),
            f"{test.p_value:.2f}",
        )
        for test in shift.tests
    )
    mix = "The same number of jets of each true class is taken of both. " if shift.balanced else ""
    note = (
        f"{mix}A logistic regression on the embedding tells the data apart with this AUC; 0.5 means that they look alike. "
        "The p-value is of permutations."
        if tests
        else "Not tested: the bundle gives no embedding, or there are too few jets."
    )
    points = tuple(
        (point.working_point, point.jets, _with_interval(point.here), _with_interval(point.there))
        for point in shift.points
    )
    columns = ("working point", "jets", "efficiency", "efficiency in the other data")
    return [
        Table(
            f"Domain shift to {shift.data}",
            ("jets", "compared", "AUC of the test", "68% interval", "p-value"),
            tests,
            note,
        ),
        Table(f"Working points in {shift.data}", columns, points, "With 68% intervals."),
    ]


def _with_interval(value: tuple[float, float, float] | None) -> str:
    return "-" if value is None else "{:.3g} ({:.3g} to {:.3g})".format(*value)
