"""What the study is to show, and whether it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from results import Estimate, Results, Row
from study import UNTRAINED

RESOLVED = 2.0
"""A difference counts if it exceeds so many of its errors."""
SCRATCH = Row("scratch", "none")
PRECISE = 0.1
"""Relative statistical error of the test events that is asked for."""
FEW, MANY = 1000, 10_000


class Target(NamedTuple):
    """One row of the table; `found` gives its text and verdict."""

    text: str
    expected: str
    found: Callable[[Results], tuple[str, str]]


def factor(logarithm: Estimate) -> str:
    """A ratio with its error."""
    ratio = logarithm.exponential()
    if np.isnan(ratio.value):
        return ""
    return f"{ratio.value:.2f} ± {ratio.error:.2f}"


def at_least(logarithm: Estimate, wanted: float) -> str:
    """Whether a ratio is as large as wanted."""
    if np.isnan(logarithm.value):
        return "not measured"
    if np.isnan(logarithm.seeds):
        return "one seed"
    pull = (logarithm.value - np.log(wanted)) / logarithm.error
    if pull >= RESOLVED:
        return "holds"
    if pull <= -RESOLVED:
        return "missed"
    return f"{'reached' if pull >= 0 else 'not reached'}, within {RESOLVED:g} errors"


def ten_times_fewer(results: Results) -> tuple[str, str]:
    """Each pretrained row with few labels against scratch with ten times as many."""
    return each({str(row): results.ratio((row, FEW), (SCRATCH, MANY)) for row in pretrained(results)}, 1.0)


def twice_the_rejection(results: Results) -> tuple[str, str]:
    """Each pretrained row against scratch, with few labels both."""
    return each({str(row): results.ratio((row, FEW), (SCRATCH, FEW)) for row in pretrained(results)}, 2.0)


def end_to_end_wins(results: Results) -> tuple[str, str]:
    """End to end against frozen embeddings, from each pretraining with each number of labels."""
    about = results.study.ways["end-to-end"]
    ratios = {
        f"{start} {labels:,}": results.ratio(
            (Row("end-to-end", start), labels), (Row("frozen-embedding", start), labels)
        )
        for start in about["starts"]
        for labels in about["labels"]
    }
    return each(ratios, 1.0)


def pretrained(results: Results) -> list[Row]:
    """All rows that start from a pretraining."""
    return [row for row in results.rows if row.start != UNTRAINED]


def each(ratios: dict[str, Estimate], wanted: float) -> tuple[str, str]:
    """All ratios that are measured, and what each says."""
    known = {name: at_least(ratio, wanted) for name, ratio in ratios.items() if not np.isnan(ratio.value)}
    text = "<br>".join(f"{name}: {factor(ratios[name])}" for name in known)
    verdicts = {verdict: [name for name in known if known[name] == verdict] for verdict in known.values()}
    if len(verdicts) <= 1:
        return text, next(iter(verdicts), "not measured")
    return text, "<br>".join(f"{verdict}: {'; '.join(names)}" for verdict, names in sorted(verdicts.items()))


def precise_enough(results: Results) -> tuple[str, str]:
    """Statistical error of the test events on the rejections: the typical and the largest of all rows and labels."""
    places = [(row, labels) for row in results.rows for labels in results.study.labels]
    text, medians = [], []
    for at in ("90", "50"):
        errors = {place: results.estimate(*place, f"log_rejection_{at}").test for place in places}
        measured = {place: error for place, error in errors.items() if np.isfinite(error)}
        if not measured:
            return "", "not measured"
        row, labels = max(measured, key=lambda place: measured[place])
        medians.append(float(np.median(list(measured.values()))))
        largest = f"{100 * measured[row, labels]:.0f}% ({row}, {labels:,})"
        text.append(f"median {100 * medians[-1]:.0f}%, largest {largest} at ε_S = 0.{at[0]}")
    return "; ".join(text), "holds" if medians[0] <= PRECISE else "missed"


TARGETS = (
    Target(f"pretrained with {FEW:,} labels over scratch with {MANY:,}", "≥ 1", ten_times_fewer),
    Target(f"pretrained over scratch, both with {FEW:,} labels", "≥ 2", twice_the_rejection),
    Target("end to end over frozen embeddings: somewhere more than its error above 1", "> 1", end_to_end_wins),
    Target("statistical error of the test events on the rejections", f"median ≤ {PRECISE:.0%} at ε_S = 0.9", precise_enough),
)  # fmt: skip


def targets_table(results: Results) -> str:
    """Expected, found and verdict of each target; ratios are of 1/ε_B at ε_S = 0.9."""
    lines = ["| target | expected | found | verdict |", "|---|---|---|---|"]
    for target in TARGETS:
        found, verdict = target.found(results)
        lines.append(f"| {target.text} | {target.expected} | {found} | {verdict} |")
    return "\n".join(lines) + "\n"
