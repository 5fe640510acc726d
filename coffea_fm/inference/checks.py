"""Find problems in the inputs, count them, and warn about each once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import awkward as ak
import numpy as np

from coffea_fm.arrays import BoolArray, FloatArray, IntArray
from coffea_fm.errors import warn
from coffea_fm.inference.findings import Findings
from coffea_fm.tokens import Field, Level, Packed
from coffea_fm.tokens.usable import first_reasons, unusable

_SAMPLE = 10_000
_said: set[tuple[str, str]] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class _Column:
    """Values of one field, where they are present, and the thing at the top that each belongs to."""

    path: str
    field: Field
    values: FloatArray
    present: BoolArray
    top: IntArray

    def affected(self, chosen: BoolArray) -> IntArray:
        """Things at the top with a chosen value."""
        return np.unique(self.top[chosen])


def inspect(packed: Packed, level: Level) -> Findings:
    """Look for things that cannot be scored, implausible units, and values outside the trained range."""
    n = len(packed)
    outside = np.zeros(n, dtype=np.bool_)
    remarks = {}
    for column in _columns(packed, level, np.arange(n), f"{level.name} "):
        finite = np.isfinite(column.values)
        if not finite.all():
            remarks[f"not finite {column.path}"] = (
                f"{column.path} is NaN or infinite in {len(column.affected(~finite))} of {n} {level.name}s, which "
                "therefore score NaN"
            )
        good = finite & column.present
        if remark := _implausible(column, good):
            remarks[f"implausible {column.path}"] = remark
        if column.field.trained is not None:
            low, high = column.field.trained
            affected = column.affected(good & ((column.values < low) | (column.values > high)))
            if len(affected):
                outside[affected] = True
                remarks[f"out of range {column.path}"] = (
                    f"{column.path} of {len(affected)} of {n} {level.name}s is outside the range {low:g} to {high:g} "
                    "that the model was trained on: do not trust their scores without a check"
                )
    things = {f"{level.name}s": n, **_things(packed, level)}
    return Findings(first_reasons(unusable(packed, level)), outside, things, remarks)


def named_otherwise(jets: ak.Array, level: Level) -> dict[str, str]:
    """A remark if jets of events say that they are of another collection, which may be of another radius."""
    expected = [member.name for member in level.members if member.fields and level.name == "event"]
    name = jets.layout.purelist_parameter("collection_name")
    if not expected or name is None or name in expected:
        return {}
    return {
        "another collection": f"the model was trained on jets called {expected[0]}, and these are called {name}: "
        "make sure that they are of the same radius and kind"
    }


def warn_once(remarks: Mapping[str, str], checksum: str, where: str) -> None:
    """Say each remark once in this process for each model."""
    for cause, remark in remarks.items():
        with _lock:
            new = (checksum, cause) not in _said
            _said.add((checksum, cause))
        if new:
            warn(f"{where}: {remark}")


def _columns(packed: Packed, level: Level, top: IntArray, prefix: str) -> Iterator[_Column]:
    everywhere = np.ones(len(packed), dtype=np.bool_)
    for index, field in enumerate(level.fields):
        present = ~packed.missing[:, level.missing_names.index(field.name)] if field.missing else everywhere
        yield _Column(f"{prefix}{field.name}", field, packed.values[:, index], present, top)
    for member in level.members:
        if member.name in packed.members:
            members = packed.members[member.name]
            yield from _columns(members.things, member, top[members.parents], f"{member.name}.")


def _things(packed: Packed, level: Level) -> dict[str, int]:
    """How many things there are on the levels below that have members of their own."""
    counts: dict[str, int] = {}
    for member in level.members:
        if member.members and member.name in packed.members:
            things = packed.members[member.name].things
            counts |= {member.name: len(things), **_things(things, member)}
    return counts


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
