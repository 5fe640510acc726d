"""Write ONNX nodes: a list of them with unique names, and formulas as nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

from coffea_fm.importers.weaver_onnx.expressions import BOOLEANS, Call, Column, Expression, Number

OPSET: Final = 18
"""The nodes below are valid from this version on."""


class Nodes:
    """Nodes and constants of a graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._constants: dict[tuple[str, bytes, tuple[int, ...]], str] = {}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and return the name of that output."""
        name = f"fm_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, value: npt.ArrayLike, dtype: type[np.generic] = np.float32) -> str:
        """Name of a constant."""
        array = np.asarray(value, dtype=dtype)
        key = (array.dtype.str, array.tobytes(), array.shape)
        if key not in self._constants:
            self._constants[key] = f"fm_constant_{len(self._constants)}"
            self.initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def integers(self, *values: int) -> str:
        """Name of a constant vector of int64."""
        return self.constant(values, np.int64)

    def to(self, name: str, kind: int) -> str:
        """Cast to a type of `onnx.TensorProto`."""
        return self.add("Cast", name, to=kind)


class Source(Protocol):
    """Where the tensors of columns are found."""

    def column(self, column: Column) -> str:
        """Tensor of a column; 0 where missing."""

    def missing(self, column: Column) -> str:
        """Boolean tensor, true where a value is missing."""

    def over(self, level: str) -> tuple[Source, str]:
        """The same tokens against all tokens of another level along a new last axis, and the mask of these."""


_OPERATORS: Final[Mapping[str, str]] = {
    "+": "Add",
    "-": "Sub",
    "*": "Mul",
    "/": "Div",
    "**": "Pow",
    "<": "Less",
    "<=": "LessOrEqual",
    ">": "Greater",
    ">=": "GreaterOrEqual",
    "==": "Equal",
    "abs": "Abs",
    "sign": "Sign",
    "sqrt": "Sqrt",
    "exp": "Exp",
    "log": "Log",
    "floor": "Floor",
    "round": "Round",
    "tanh": "Tanh",
    "sin": "Sin",
    "cos": "Cos",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "min": "Min",
    "max": "Max",
}


class Formulas:
    """Formulas as nodes. Each formula is written once, however often it is used.

    Parameters
    ----------
    nodes : Nodes
    source : Source
    """

    def __init__(self, nodes: Nodes, source: Source) -> None:
        self.nodes, self.source = nodes, source
        self._written: dict[Expression, str] = {}

    def number(self, expression: Expression) -> str:
        """Float tensor of a formula."""
        name = self._value(expression)
        return self.nodes.to(name, TensorProto.FLOAT) if _is_condition(expression) else name

    def condition(self, expression: Expression) -> str:
        """Boolean tensor of a formula: where it is not 0."""
        name = self._value(expression)
        if _is_condition(expression):
            return name
        return self.nodes.add("Not", self.nodes.add("Equal", name, self.nodes.constant(0.0)))

    def _value(self, expression: Expression) -> str:
        if expression not in self._written:
            self._written[expression] = self._write(expression)
        return self._written[expression]

    def _write(self, expression: Expression) -> str:
        if isinstance(expression, Number):
            return self.nodes.constant(expression.value)
        if isinstance(expression, Column):
            return self.source.column(expression)
        if expression.name in _OPERATORS:
            return self.nodes.add(_OPERATORS[expression.name], *map(self.number, expression.arguments))
        method: Callable[[Call], str] = getattr(self, f"_{_NAMES.get(expression.name, expression.name)}")
        return method(expression)

    def _different(self, call: Call) -> str:
        return self.nodes.add("Not", self.nodes.add("Equal", *map(self.number, call.arguments)))

    def _both(self, call: Call) -> str:
        return self.nodes.add("And", *map(self.condition, call.arguments))

    def _either(self, call: Call) -> str:
        return self.nodes.add("Or", *map(self.condition, call.arguments))

    def _opposite(self, call: Call) -> str:
        return self.nodes.add("Not", self.condition(call.arguments[0]))

    def _missing(self, call: Call) -> str:
        (column,) = call.arguments
        assert isinstance(column, Column)
        return self.source.missing(column)

    def _finite(self, call: Call) -> str:
        return finite(self.nodes, self.number(call.arguments[0]))

    def _hypot(self, call: Call) -> str:
        squares = [self.nodes.add("Mul", name, name) for name in map(self.number, call.arguments)]
        return self.nodes.add("Sqrt", self.nodes.add("Add", *squares))

    def _delta_phi(self, call: Call) -> str:
        difference = self.nodes.add("Sub", *map(self.number, call.arguments))
        turn = self.nodes.constant(2 * math.pi)
        turns = self.nodes.add("Round", self.nodes.add("Div", difference, turn))
        return self.nodes.add("Sub", difference, self.nodes.add("Mul", turn, turns))

    def _where(self, call: Call) -> str:
        condition, first, second = call.arguments
        return self.nodes.add("Where", self.condition(condition), self.number(first), self.number(second))

    def _clip(self, call: Call) -> str:
        value, low, high = map(self.number, call.arguments)
        return self.nodes.add("Min", self.nodes.add("Max", value, low), high)

    def _min_over(self, call: Call) -> str:
        others, mask = self.source.over(call.level)
        value = Formulas(self.nodes, others).number(call.arguments[0])
        real = self.nodes.add("Where", mask, value, self.nodes.constant(np.inf))
        return self.nodes.add("ReduceMin", real, self.nodes.integers(-1), keepdims=0)

    def _count(self, call: Call) -> str:
        _, mask = self.source.over(call.level)
        number = self.nodes.to(mask, TensorProto.FLOAT)
        return self.nodes.add("ReduceSum", number, self.nodes.integers(-1), keepdims=0)


_NAMES = {"!=": "different", "and": "both", "or": "either", "not": "opposite"}


def finite(nodes: Nodes, name: str) -> str:
    """Boolean tensor, true where a number is neither NaN nor infinite."""
    return nodes.add("Not", nodes.add("Or", nodes.add("IsNaN", name), nodes.add("IsInf", name)))


def _is_condition(expression: Expression) -> bool:
    return isinstance(expression, Call) and expression.name in BOOLEANS
