"""Bound what operators make of constants, because onnxruntime computes that already when it opens a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from coffea_fm.untrusted.onnx_graph import field_numbers as number_of
from coffea_fm.untrusted.onnx_graph.wire import Value, fields, submessage, text, varints
from coffea_fm.untrusted.refused import Refused

MOST_NUMBERS: Final = 2**26
"""Largest constant that an operator may make: 256 MiB of float32."""
_MOST_DIMS: Final = 32
_INT64: Final = 7

Shape = Sequence[int]


def _product(shape: Shape) -> int:
    return math.prod(max(abs(dim), 1) for dim in shape)


def _pads(pads: Shape) -> int:
    return sum(abs(pad) for pad in pads)


_SIZES: Final[dict[str, tuple[int, Callable[[Shape], int]]]] = {
    "ConstantOfShape": (0, _product),
    "Expand": (1, _product),
    "Tile": (1, _product),
    "Resize": (3, _product),
    "Upsample": (1, _product),
    "OneHot": (1, _product),
    "Pad": (1, _pads),
    "Range": (1, _product),
}
"""Which input says how large the output is, and how."""


def check_expansions(graph: memoryview) -> None:
    """Refuse operators that make very much of a few constant numbers.

    Only constants that are written down in the same graph are seen, not those that other operators compute.

    Raises
    ------
    Refused
        If an operator would make more than `MOST_NUMBERS` numbers.
    """
    nodes = [submessage(value) for number, value in fields(graph) if number == number_of.GRAPH_NODE]
    asked: list[tuple[str, str]] = []
    made: dict[str, memoryview] = {}
    for node in nodes:
        inputs, outputs, operator, attributes = _parts(node)
        if operator == "Constant" and outputs:
            tensors = [tensor for attribute in attributes if (tensor := _value(attribute)) is not None]
            made |= dict(zip(outputs[:1], tensors, strict=False))
        elif operator in _SIZES and len(inputs) > _SIZES[operator][0]:
            asked.append((operator, inputs[_SIZES[operator][0]]))
    if not asked:
        return
    wanted = {name for _, name in asked}
    for number, value in fields(graph):
        if number == number_of.GRAPH_TENSOR and (name := _name(submessage(value))) in wanted:
            made[name] = submessage(value)
    for operator, name in asked:
        if name in made and _SIZES[operator][1](_integers(made[name])) > MOST_NUMBERS:
            raise Refused(f"its operator {operator} would make more than {MOST_NUMBERS} numbers")


def _parts(node: memoryview) -> tuple[list[str], list[str], str, list[memoryview]]:
    inputs: list[str] = []
    outputs: list[str] = []
    attributes: list[memoryview] = []
    operator = ""
    for number, value in fields(node):
        if number == number_of.NODE_INPUT:
            inputs.append(text(value))
        elif number == number_of.NODE_OUTPUT:
            outputs.append(text(value))
        elif number == number_of.NODE_OPERATOR:
            operator = text(value)
        elif number == number_of.NODE_ATTRIBUTE:
            attributes.append(submessage(value))
    return inputs, outputs, operator, attributes


def _value(attribute: memoryview) -> memoryview | None:
    """The tensor of a Constant."""
    return next(
        (submessage(value) for number, value in fields(attribute) if number == number_of.ATTRIBUTE_TENSOR), None
    )


def _name(tensor: memoryview) -> str:
    return next((text(value) for number, value in fields(tensor) if number == number_of.TENSOR_NAME), "")


def _integers(tensor: memoryview) -> list[int]:
    """The numbers of a short int64 tensor; empty for any other."""
    kind, raw, numbers = 0, b"", list[int]()
    for number, value in fields(tensor):
        if number == number_of.TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == number_of.TENSOR_RAW:
            raw = bytes(submessage(value)[: 8 * _MOST_DIMS])
        elif number == number_of.TENSOR_INT64:
            numbers += _signed(value)
    if kind != _INT64:
        return []
    return [int(each) for each in np.frombuffer(raw[: len(raw) // 8 * 8], np.int64)] or numbers


def _signed(value: Value) -> list[int]:
    return [number - 2**64 if number >= 2**63 else number for number in varints(value)]
