"""The inputs of a model in numpy, jet by jet, as CMS software and weaver make them: the truth of the check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from coffea_fm.importers.weaver_onnx.evaluate import evaluate
from coffea_fm.importers.weaver_onnx.expressions import Column
from coffea_fm.importers.weaver_onnx.inputs import Layout
from coffea_fm.importers.weaver_onnx.plan import InputPlan, Plan, TokenGroup
from coffea_fm.tokens import Packed
from coffea_fm.tokens.levels import Level

Array = Any
Arrays = dict[str, Array]


@dataclass(frozen=True)
class JetValues:
    """Columns of some tokens of one jet: arrays [tokens], or [tokens, others] against those of another level."""

    packed: Packed
    level: Level
    own: str
    rows: Array
    other: str = ""

    def column(self, column: Column) -> Array:
        """Values of a column."""
        return self._taken(column, "values", self._level(column).names)

    def missing(self, column: Column) -> Array:
        """Where it has no value."""
        names = self._level(column).missing_names
        if column.name not in names:
            return self._taken(column, "values", self._level(column).names) * 0 != 0
        return self._taken(column, "missing", names)

    def over(self, level: str) -> tuple[JetValues, int]:
        """The tokens against those of another level."""
        values = JetValues(self.packed, self.level, self.own, self.rows, level)
        return values, len(self.packed.members[level].things)

    def _level(self, column: Column) -> Level:
        return self.level.find(column.owner or self.own)

    def _taken(self, column: Column, part: str, names: tuple[str, ...]) -> Array:
        level = column.owner or self.own
        things = self.packed if level == self.level.name else self.packed.members[level].things
        values = getattr(things, part)[:, names.index(column.name)]
        if self.other and column.owner == self.other:
            return values[np.newaxis]
        if level == self.own and self.own != self.level.name:
            values = values[self.rows]
        return values[:, np.newaxis] if self.other else values


def prepare(plan: Plan, packed: Packed, layouts: Mapping[str, Layout]) -> Arrays:
    """The inputs of a model for one jet, with an axis of length 1 for the batch.

    Parameters
    ----------
    plan : Plan
    packed : Packed
        One jet.
    layouts : mapping of str to Layout
        Order of the axes of each input.
    """
    rows = {group: selected(plan, packed, group) for group in plan.groups}
    return {entry.name: _input(plan, packed, entry, rows[entry.group], layouts[entry.name]) for entry in plan.inputs}


def selected(plan: Plan, packed: Packed, group: TokenGroup) -> Array:
    """Positions of the tokens of one jet that are read, in order."""
    if not group.tokens:
        return np.zeros(1, dtype=np.int64)
    rows = np.arange(len(packed.members[group.tokens].things))
    values = JetValues(packed, plan.level, group.tokens, rows)
    if group.order is not None:
        key = np.broadcast_to(evaluate(group.order, values), rows.shape).astype(np.float32)
        key = np.where(np.isfinite(key), key, np.finfo(np.float32).min)
        rows = rows[np.argsort(-key, kind="stable")]
    if group.select is None:
        return rows
    kept = np.broadcast_to(evaluate(group.select, JetValues(packed, plan.level, group.tokens, rows)), rows.shape)
    return rows[kept != 0]


def _input(plan: Plan, packed: Packed, entry: InputPlan, rows: Array, layout: Layout) -> Array:
    own = entry.group.tokens or plan.level.name
    described = entry.described
    kept = rows if described.max_length is None else rows[: described.max_length]
    values = JetValues(packed, plan.level, own, kept)
    length = max(len(kept), described.min_length or 0, 1)
    filled = np.empty((len(entry.formulas), length), dtype=np.float32)
    for index, (formula, scaling) in enumerate(zip(entry.formulas, described.scalings(), strict=True)):
        row = np.broadcast_to(evaluate(formula, values), len(kept)).astype(np.float32)
        row = np.where(np.isfinite(row), row, np.float32(scaling.replace_inf_value))
        row = (row - np.float32(scaling.median)) * np.float32(scaling.norm_factor)
        row = np.clip(row, np.float32(scaling.lower_bound), np.float32(scaling.upper_bound))
        if entry.padding == "wrap" and len(kept):
            filled[index] = np.resize(row, length)
        else:
            filled[index] = scaling.pad
            filled[index, : len(kept)] = row
    if layout == "vector":
        return filled.reshape(1, -1)
    return np.ascontiguousarray((filled.T if layout == "tokens" else filled)[np.newaxis])


def stacked(plan: Plan, jets: list[Arrays], layouts: Mapping[str, Layout], extra: int = 0) -> Arrays:
    """Inputs of several jets in one batch, padded to the longest of them and by `extra` more tokens."""
    together: Arrays = {}
    for entry in plan.inputs:
        arrays = [jet[entry.name] for jet in jets]
        if entry.group.tokens and entry.described.min_length != entry.described.max_length:
            axis = 1 if layouts[entry.name] == "tokens" else 2
            longest = max(array.shape[axis] for array in arrays)
            length = max(longest, min(longest + extra, entry.described.max_length or 0))
            arrays = [_padded(array, entry, axis, length) for array in arrays]
        together[entry.name] = np.concatenate(arrays)
    return together


def _padded(array: Array, entry: InputPlan, axis: int, length: int) -> Array:
    pads = np.asarray([scaling.pad for scaling in entry.described.scalings()], dtype=np.float32)
    shape = list(array.shape)
    shape[axis] = length - shape[axis]
    pads = pads.reshape((1, -1, 1) if axis == 2 else (1, 1, -1))
    return np.concatenate([array, np.broadcast_to(pads, shape)], axis=axis)
