"""What is wrong with the inputs: found, counted, and said once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coffea_fm.errors import warn
from coffea_fm.tokens.fields import Field
from coffea_fm.tokens.jagged import IntArray
from coffea_fm.tokens.packed import BoolArray, PackedSets
from coffea_fm.tokens.spec import InputSpec

_SAMPLE = 10_000
_said: set[tuple[str, str]] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Findings:
    """What a look at packed jets found.

    Parameters
    ----------
    scored : int64 array
        Jets that have tokens and only finite inputs.
    counts : dict of str to int
        ``jets``; ``without_tokens`` and ``not_finite``, which score NaN; ``out_of_range``, which are scored.
    remarks : dict of str to str
        Sentences to warn with, by cause.
    """

    scored: IntArray
    counts: dict[str, int]
    remarks: dict[str, str]


@dataclass(frozen=True)
class _Column:
    """Values of one field, where they are present, and which set each belongs to."""

    path: str
    field: Field
    values: npt.NDArray[np.float32]
    present: BoolArray
    sets: IntArray


def inspect(packed: PackedSets, spec: InputSpec) -> Findings:
    """Look for jets that cannot be scored, implausible units, and jets outside the trained range.

    A jet without tokens is one whose *first* group is empty.
    """
    n_sets = len(packed)
    empty = np.zeros(n_sets, dtype=np.bool_)
    if spec.groups:
        empty = packed.groups[spec.groups[0].name].lengths == 0
    not_finite = np.zeros(n_sets, dtype=np.bool_)
    outside = np.zeros(n_sets, dtype=np.bool_)
    remarks = {}
    for column in _columns(packed, spec):
        finite = np.isfinite(column.values)
        if not finite.all():
            affected = np.unique(column.sets[~finite])
            not_finite[affected] = True
            remarks[f"not finite {column.path}"] = (
                f"{column.path} is NaN or infinite in {len(affected)} of {n_sets} jets, which therefore score NaN"
            )
        good = finite & column.present
        if remark := _implausible(column, good):
            remarks[f"implausible {column.path}"] = remark
        if column.field.trained is not None:
            low, high = column.field.trained
            affected = np.unique(column.sets[good & ((column.values < low) | (column.values > high))])
            if len(affected):
                outside[affected] = True
                remarks[f"out of range {column.path}"] = (
                    f"{column.path} of {len(affected)} of {n_sets} jets is outside the range {low:g} to {high:g} "
                    "that the model was trained on: do not trust their scores without a check"
                )
    not_finite &= ~empty
    scored = ~empty & ~not_finite
    counts = {
        "jets": n_sets,
        "without_tokens": int(empty.sum()),
        "not_finite": int(not_finite.sum()),
        "out_of_range": int((outside & scored).sum()),
    }
    return Findings(np.flatnonzero(scored), counts, remarks)


def warn_once(findings: Findings, checksum: str, where: str) -> None:
    """Say each remark once in this process for each bundle."""
    for cause, remark in findings.remarks.items():
        with _lock:
            new = (checksum, cause) not in _said
            _said.add((checksum, cause))
        if new:
            warn(f"{where}: {remark}")


def _columns(packed: PackedSets, spec: InputSpec) -> Iterator[_Column]:
    for group in spec.groups:
        tokens = packed.groups[group.name]
        sets = np.repeat(np.arange(len(packed)), tokens.lengths)
        everywhere = np.ones(len(sets), dtype=np.bool_)
        for index, field in enumerate(group.fields):
            present = ~tokens.missing[:, group.missing_names.index(field.name)] if field.missing else everywhere
            yield _Column(f"{group.name}.{field.name}", field, tokens.values[:, index], present, sets)
    jets = np.arange(len(packed))
    for index, field in enumerate(spec.jet):
        everywhere = np.ones(len(packed), dtype=np.bool_)
        yield _Column(f"jet {field.name}", field, packed.jet[:, index], everywhere, jets)


def _implausible(column: _Column, good: BoolArray) -> str | None:
    if column.field.plausible is None:
        return None
    step = max(1, len(good) // _SAMPLE)
    sample = column.values[::step][good[::step]]
    if len(sample) == 0:
        return None
    median = float(np.median(sample))
    low, high = column.field.plausible
    if low <= median <= high:
        return None
    return (
        f"the median of {column.path} is {median:.4g}, and {low:g} to {high:g} is plausible in {column.field.unit}: "
        "check the unit, or the schema that the file was opened with"
    )
