"""Formulas in numpy, to check the ONNX nodes against: written independently of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import numpy as np

from coffea_fm.importers.weaver_onnx.expressions import Column, Expression, Number

Array = Any


class Lookup(Protocol):
    """Where the values of columns are found."""

    def column(self, column: Column) -> Array:
        """Values of a column, broadcastable against those of the others; 0 where missing."""

    def missing(self, column: Column) -> Array:
        """True where a value is missing."""

    def over(self, level: str) -> tuple[Lookup, int]:
        """The same tokens against all tokens of another level along a new last axis, and the number of these."""


def _delta_phi(first: Array, second: Array) -> Array:
    difference = first - second
    return difference - np.float32(2 * np.pi) * np.round(difference / np.float32(2 * np.pi))


NUMPY: Final[Mapping[str, Callable[..., Array]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "and": lambda first, second: (first != 0) & (second != 0),
    "or": lambda first, second: (first != 0) | (second != 0),
    "not": lambda value: value == 0,
    "abs": np.abs,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "floor": np.floor,
    "round": np.round,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "finite": np.isfinite,
    "hypot": lambda first, second: np.sqrt(first * first + second * second),
    "delta_phi": _delta_phi,
    "min": np.minimum,
    "max": np.maximum,
    "where": lambda condition, first, second: np.where(condition != 0, first, second),
    "clip": lambda value, low, high: np.minimum(np.maximum(value, low), high),
}


def evaluate(expression: Expression, values: Lookup) -> Array:
    """Value of a formula for each token; float32, or bool for conditions."""
    if isinstance(expression, Number):
        return np.float32(expression.value)
    if isinstance(expression, Column):
        return values.column(expression)
    if expression.name == "missing":
        (column,) = expression.arguments
        assert isinstance(column, Column)
        return values.missing(column)
    if expression.name in ("min_over", "count"):
        others, number = values.over(expression.level)
        if expression.name == "count":
            return np.float32(number)
        return evaluate(expression.arguments[0], others).min(axis=-1, initial=np.inf)
    arguments = [evaluate(argument, values) for argument in expression.arguments]
    numbers = [argument.astype(np.float32) if argument.dtype == np.bool_ else argument for argument in arguments]
    with np.errstate(all="ignore"):
        return NUMPY[expression.name](*numbers)
