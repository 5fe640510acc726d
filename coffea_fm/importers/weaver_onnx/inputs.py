"""The inputs of a model as nodes: select, sort, cut, pad and scale tokens, from raw columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from onnx import NodeProto, TensorProto, helper

from coffea_fm.importers.weaver_onnx.expressions import Expression, columns
from coffea_fm.importers.weaver_onnx.nodes import Formulas, Nodes, finite
from coffea_fm.importers.weaver_onnx.plan import InputPlan, Plan, TokenGroup
from coffea_fm.importers.weaver_onnx.preprocess import Scaling
from coffea_fm.importers.weaver_onnx.tensors import Given, Ordered, Stored
from coffea_fm.tokens.levels import Level

Layout = Literal["channels", "tokens", "vector", "vector of length 1"]
"""Axes of an input: [n, variables, tokens], [n, tokens, variables], [n, variables], [n, variables, 1]."""
_LEAST = np.finfo(np.float32).min
_UNBOUNDED = 1e32


@dataclass(frozen=True)
class _Order:
    """Which tokens are read, in which order.

    Attributes
    ----------
    index : str
        Positions of the tokens, best first, int64 [n, slots].
    number : str
        Number of selected tokens, int64 [n, 1].
    """

    index: str
    number: str


@dataclass(frozen=True)
class _Slots:
    """The tokens of one input.

    Attributes
    ----------
    formulas : Formulas
        Over the tokens in order.
    real : str
        Which slots hold a token, bool [n, length].
    length : str
        Number of tokens of each jet, at least the minimal and at most the maximal length, int64 [n].
    """

    formulas: Formulas
    real: str
    length: str


class Inputs:
    """Writes the nodes of all inputs of a plan.

    Parameters
    ----------
    nodes : Nodes
    plan : Plan
    """

    def __init__(self, nodes: Nodes, plan: Plan) -> None:
        self.nodes, self.plan = nodes, plan
        self.given = Given(nodes, plan.level)
        self._orders: dict[TokenGroup, _Order] = {}
        self._slots: dict[tuple[TokenGroup, int, int, str], _Slots] = {}

    def tensor(self, entry: InputPlan, layout: Layout) -> str:
        """Tensor of an input."""
        if not entry.group.tokens:
            return self._of_jet(entry, layout)
        slots = self._slots_of(entry)
        rows = [self._row(formula, slots) for formula in entry.formulas]
        stacked = rows[0] if len(rows) == 1 else self.nodes.add("Concat", *rows, axis=1)
        scaled = self._scaled(stacked, entry.described.scalings(), (-1, 1))
        pads = [scaling.pad for scaling in entry.described.scalings()]
        if entry.padding == "constant":
            real = self.nodes.add("Unsqueeze", slots.real, self.nodes.integers(1))
            scaled = self.nodes.add("Where", real, scaled, self._vector(pads, (-1, 1)))
        return self.nodes.add("Transpose", scaled, perm=[0, 2, 1]) if layout == "tokens" else scaled

    def length(self, entry: InputPlan) -> str:
        """Length of an input for each jet by itself, int64 [n]."""
        return self._slots_of(entry).length

    def enough(self) -> str | None:
        """Whether a jet has as many selected tokens as needed, bool [n, 1]; None if all have."""
        conditions = [
            self.nodes.add("GreaterOrEqual", self._order(group).number, self.nodes.integers(group.minimum))
            for group in self.plan.groups
            if group.minimum
        ]
        if not conditions:
            return None
        every, *others = conditions
        for condition in others:
            every = self.nodes.add("And", every, condition)
        return every

    def _of_jet(self, entry: InputPlan, layout: Layout) -> str:
        formulas = Formulas(self.nodes, Stored(self.given, self.plan.level.name))
        # a constant has no axis: add nothing of the jet to it
        nothing = self.nodes.add("Mul", self._any_of_jet(), self.nodes.constant([[0.0]]))
        rows = [self.nodes.add("Add", formulas.number(formula), nothing) for formula in entry.formulas]
        scaled = self._scaled(self.nodes.add("Concat", *rows, axis=1), entry.described.scalings(), (1, -1))
        if layout == "vector":
            return scaled
        return self.nodes.add("Unsqueeze", scaled, self.nodes.integers(2))

    def _any_of_jet(self) -> str:
        """A float tensor [n, 1] of finite numbers."""
        mask = self.nodes.to(f"{self.plan.level.members[0].name}_mask", TensorProto.FLOAT)
        return self.nodes.add("ReduceSum", mask, self.nodes.integers(1))

    def _order(self, group: TokenGroup) -> _Order:
        if group not in self._orders:
            self._orders[group] = self._write_order(group)
        return self._orders[group]

    def _write_order(self, group: TokenGroup) -> _Order:
        nodes = self.nodes
        formulas = Formulas(nodes, Stored(self.given, group.tokens))
        chosen = f"{group.tokens}_mask"
        if group.select is not None:
            chosen = nodes.add("And", chosen, formulas.condition(group.select))
        if group.order is None:
            key = nodes.to(chosen, TensorProto.FLOAT)  # equal keys stay in their order
        else:
            key = formulas.number(group.order)
            key = nodes.add("Where", finite(nodes, key), key, nodes.constant(_LEAST))
            key = nodes.add("Where", chosen, key, nodes.constant(-np.inf))
        slots = nodes.add("Shape", chosen, start=1, end=2)
        nodes.nodes.append(_top(key, slots, f"{key}_sorted", f"{key}_index"))
        number = nodes.add("ReduceSum", nodes.to(chosen, TensorProto.INT64), nodes.integers(1))
        return _Order(f"{key}_index", number)

    def _slots_of(self, entry: InputPlan) -> _Slots:
        described = entry.described
        least, most = described.min_length or 0, described.max_length or 0
        key = (entry.group, least, most, entry.padding)
        if key not in self._slots:
            self._slots[key] = self._write_slots(entry, least, most)
        return self._slots[key]

    def _write_slots(self, entry: InputPlan, least: int, most: int) -> _Slots:
        nodes, order = self.nodes, self._order(entry.group)
        number = nodes.add("Min", order.number, nodes.integers(most))
        own = nodes.add("Max", number, nodes.integers(max(least, 1)))
        length = nodes.add("ReduceMax", own, keepdims=0)
        if least == most:
            length = nodes.constant(most, np.int64)
        position = nodes.add("Range", nodes.constant(0, np.int64), length, nodes.constant(1, np.int64))
        position = nodes.add("Unsqueeze", position, nodes.integers(0))
        real = nodes.add("Less", position, number)
        if entry.padding == "wrap":
            slot = nodes.add("Mod", position, nodes.add("Max", number, nodes.integers(1)))
        else:
            shape = nodes.add("Shape", real)
            last = nodes.add("Sub", nodes.add("Shape", order.index, start=1, end=2), nodes.integers(1))
            slot = nodes.add("Expand", nodes.add("Min", position, last), shape)
        index = nodes.add("GatherElements", order.index, slot, axis=1)
        formulas = Formulas(nodes, Ordered(Stored(self.given, entry.group.tokens), index))
        return _Slots(formulas, real, nodes.add("Squeeze", own, nodes.integers(1)))

    def _row(self, formula: Expression, slots: _Slots) -> str:
        """A variable of tokens, [n, 1, length]."""
        name = slots.formulas.number(formula)
        if not _per_token(formula):
            name = self.nodes.add("Expand", name, self.nodes.add("Shape", slots.real))
        return self.nodes.add("Unsqueeze", name, self.nodes.integers(1))

    def _scaled(self, name: str, scalings: Sequence[Scaling], shape: tuple[int, int]) -> str:
        nodes = self.nodes

        def vector(attribute: str) -> str:
            return self._vector([getattr(scaling, attribute) for scaling in scalings], shape)

        name = nodes.add("Where", finite(nodes, name), name, vector("replace_inf_value"))
        if any(scaling.median for scaling in scalings):
            name = nodes.add("Sub", name, vector("median"))
        if any(scaling.norm_factor != 1.0 for scaling in scalings):
            name = nodes.add("Mul", name, vector("norm_factor"))
        if any(scaling.lower_bound > -_UNBOUNDED for scaling in scalings):
            name = nodes.add("Max", name, vector("lower_bound"))
        if any(scaling.upper_bound < _UNBOUNDED for scaling in scalings):
            name = nodes.add("Min", name, vector("upper_bound"))
        return name

    def _vector(self, numbers: Sequence[float], shape: tuple[int, int]) -> str:
        return self.nodes.constant(np.asarray(numbers, np.float32).reshape(shape))


def raw_names(level: Level) -> list[tuple[str, int, tuple[str | int, ...]]]:
    """Names, types and shapes of the raw arrays of a level."""
    found: list[tuple[str, int, tuple[str | int, ...]]] = []
    if level.fields:
        found.append((level.name, TensorProto.FLOAT, ("n", len(level.fields))))
    for member in level.members:
        shape = ("n", f"n_{member.name}")
        found.append((member.name, TensorProto.FLOAT, (*shape, len(member.fields))))
        found.append((f"{member.name}_mask", TensorProto.BOOL, shape))
        if member.missing_names:
            found.append((f"{member.name}_missing", TensorProto.BOOL, (*shape, len(member.missing_names))))
    return found


def _top(key: str, number: str, values: str, index: str) -> NodeProto:
    return helper.make_node("TopK", [key, number], [values, index], index, axis=1, largest=1, sorted=1)


def _per_token(formula: Expression) -> bool:
    """Whether a formula has a value for each token, rather than one for the jet."""
    return any(not column.owner for column in columns(formula))
