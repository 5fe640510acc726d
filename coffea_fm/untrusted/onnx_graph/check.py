"""Check an ONNX file before onnxruntime, or the package onnx, opens it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from coffea_fm.untrusted.onnx_graph import field_numbers as number_of
from coffea_fm.untrusted.onnx_graph.external import ExternalTensor
from coffea_fm.untrusted.onnx_graph.sizes import check_expansions
from coffea_fm.untrusted.onnx_graph.tensors import check_dense, read_tensor
from coffea_fm.untrusted.onnx_graph.wire import Value, fields, submessage, text
from coffea_fm.untrusted.refused import Refused

MOST_BYTES: Final = 2**31
MOST_NODES: Final = 50_000
"""Of the main graph and all graphs inside it; a Particle Transformer has about 1,000."""
DEEPEST: Final = 8
"""Graphs inside graphs: a loop in a branch of a condition is three deep."""
DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Operators that onnxruntime itself has. Any other would need a library of somebody else."""
_REFUSED_OPERATORS: Final = frozenset({"EPContext", "PyOp", "PythonOp"})
"""Operators of onnxruntime that read files, or call Python."""
_REFUSED_METADATA: Final = frozenset({"ort_config"})
"""Settings of a session, which a model must not choose."""


class _Checker:
    """One pass over a file; collects tensors that are kept elsewhere."""

    def __init__(self, own_domains: frozenset[str]) -> None:
        self.external: list[ExternalTensor] = []
        self._nodes = 0
        self._domains = DOMAINS | own_domains

    def model(self, message: memoryview) -> None:
        for number, value in fields(message):
            if number == number_of.MODEL_GRAPH:
                self._graph(submessage(value), 1)
            elif number == number_of.MODEL_FUNCTION:
                self._function(submessage(value))
            elif number == number_of.MODEL_TRAINING:
                raise Refused("it contains training information: export the network alone")
            elif number == number_of.MODEL_METADATA and _key(value) in _REFUSED_METADATA:
                raise Refused("its metadata set options of onnxruntime: export it without them")

    def _graph(self, message: memoryview, depth: int) -> None:
        if depth > DEEPEST:
            raise Refused(f"its graphs are nested more than {DEEPEST} deep")
        for number, value in fields(message):
            if number == number_of.GRAPH_NODE:
                self._node(submessage(value), depth)
            elif number == number_of.GRAPH_TENSOR:
                self._tensor(submessage(value), plain=depth == 1)
            elif number == number_of.GRAPH_SPARSE:
                self._sparse(submessage(value))
        check_expansions(message)

    def _function(self, message: memoryview) -> None:
        for number, value in fields(message):
            if number == number_of.FUNCTION_NODE:
                self._node(submessage(value), 1)
            elif number == number_of.FUNCTION_ATTRIBUTE:
                self._attribute(submessage(value), 1)

    def _node(self, message: memoryview, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise Refused(f"it has more than {MOST_NODES} operators")
        operator = domain = ""
        for number, value in fields(message):
            if number == number_of.NODE_OPERATOR:
                operator = text(value)
            elif number == number_of.NODE_DOMAIN:
                domain = text(value)
            elif number == number_of.NODE_ATTRIBUTE:
                self._attribute(submessage(value), depth)
        if domain not in self._domains:
            raise Refused(
                f"its operator {operator[:60]!r} is of {domain[:60]!r}, which is not part of onnxruntime: "
                "libraries of operators are never loaded"
            )
        if domain not in ("", "ai.onnx") and operator in _REFUSED_OPERATORS:
            raise Refused(f"its operator {operator!r} would run something outside the file")

    def _attribute(self, message: memoryview, depth: int) -> None:
        for number, value in fields(message):
            if number in (number_of.ATTRIBUTE_TENSOR, number_of.ATTRIBUTE_TENSORS):
                self._tensor(submessage(value), plain=False)
            elif number in number_of.ATTRIBUTE_GRAPHS:
                self._graph(submessage(value), depth + 1)
            elif number in number_of.ATTRIBUTE_SPARSE:
                self._sparse(submessage(value))

    def _tensor(self, message: memoryview, *, plain: bool) -> None:
        tensor = read_tensor(message)
        if tensor.external:
            self.external.append(ExternalTensor(tensor.name, tensor.location, plain))

    def _sparse(self, message: memoryview) -> None:
        for tensor in check_dense(message):
            if tensor.external:
                self.external.append(ExternalTensor(tensor.name, tensor.location, plain=False))


def check_graph(data: bytes, *, may_be_external: bool = False) -> list[ExternalTensor]:
    """Check the bytes of an ONNX file.

    Parameters
    ----------
    data : bytes
        The file.
    may_be_external : bool
        Whether weights may be in other files, which the caller checks; never in those of a bundle.

    Returns
    -------
    list of ExternalTensor
        Those tensors.

    Raises
    ------
    Refused
        If it is not an ONNX file, has too many operators or graphs nested too deeply, tensors of another size than their
        shape, or values kept in other files; or if it would run or open anything outside: operators of other libraries,
        settings of the session.
    """
    if len(data) > MOST_BYTES:
        raise Refused(f"it is larger than {MOST_BYTES >> 30} GiB")
    message = memoryview(data)
    checker = _Checker(frozenset(_function_domains(message)))
    checker.model(message)
    for tensor in checker.external:
        if not may_be_external or not tensor.plain:
            raise Refused(
                f"its tensor {tensor.name[:80]!r} is kept in another file ({tensor.location[:80]!r}), which is never opened"
            )
    return checker.external


def _function_domains(message: memoryview) -> Iterator[str]:
    """Domains of the functions that a file defines itself."""
    for number, value in fields(message):
        if number == number_of.MODEL_FUNCTION:
            for inner, part in fields(submessage(value)):
                if inner == number_of.FUNCTION_DOMAIN:
                    yield text(part)


def _key(entry: Value) -> str:
    return next((text(value) for number, value in fields(submessage(entry)) if number == number_of.ENTRY_KEY), "")
