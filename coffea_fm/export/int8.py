"""Rewrite a graph to 8-bit integers: matrix products of weights, with one scale per column and fixed activation scales.

A scale that is computed from the batch would make a jet's score depend on the jets beside it. Here every scale is a
constant of the graph. Most products read the output of a layer norm, which has nearly the same range for every jet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, NodeProto, helper, numpy_helper

from coffea_fm.arrays import FloatArray

FEWEST_ROWS = 32
"""Products that sum over fewer numbers stay in single precision: they cost little, and read raw features."""
_FEWEST_COLUMNS = 16
_CONTRIB = "com.microsoft"

Range = tuple[float, float]


@dataclass
class Recorder:
    """A session that also records the ranges of some tensors.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Of a graph from `with_outputs`.
    names : sequence of str
        The tensors.
    """

    session: Any
    names: Sequence[str]
    ranges: dict[str, Range] = field(default_factory=dict)

    def get_providers(self) -> list[str]:
        """Providers of the session."""
        providers: list[str] = self.session.get_providers()
        return providers

    def run(self, outputs: Sequence[str], arrays: Mapping[str, Any]) -> list[Any]:
        """Run the session, and widen the ranges."""
        results = self.session.run([*outputs, *self.names], arrays)
        for name, values in zip(self.names, results[len(outputs) :], strict=True):
            low, high = self.ranges.get(name, (0.0, 0.0))
            self.ranges[name] = (min(low, float(values.min())), max(high, float(values.max())))
        return list(results[: len(outputs)])


def folded(graph: bytes) -> ModelProto:
    """The graph with constants folded by onnxruntime, so that weights are plain tensors; runs on any machine."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "graph.onnx"
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(file)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return onnx.load(str(file))


def products(proto: ModelProto) -> list[NodeProto]:
    """The matrix products with weights that are worth 8 bits."""
    weights = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    return [node for node in proto.graph.node if node.op_type == "Gemm" and _is_large(node, weights)]


def with_outputs(proto: ModelProto, names: Iterable[str]) -> bytes:
    """The same graph with more outputs."""
    copy = ModelProto()
    copy.CopyFrom(proto)
    present = {output.name for output in copy.graph.output}
    for name in names:
        if name not in present:
            copy.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return bytes(copy.SerializeToString())


def to_int8(proto: ModelProto, ranges: Mapping[str, Range], *, tanh: bool = True) -> bytes:
    """The graph with its `products` in 8-bit integers.

    Parameters
    ----------
    proto : ModelProto
        From `folded`; it is changed.
    ranges : mapping of str to tuple of float
        Lowest and highest value of the first input of each product. Products of other inputs are not changed.
    tanh : bool
        Compute GELU by its approximation with tanh.
    """
    chosen = {node.output[0] for node in products(proto) if node.input[0] in ranges}
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    nodes: list[NodeProto] = []
    rounded: set[str] = set()

    def constant(name: str, value: FloatArray) -> str:
        proto.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    for node in proto.graph.node:
        if tanh and node.op_type == "Gelu":
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("approximate", "tanh"))
        if node.op_type == "Gemm" and node.output[0] in chosen:
            if node.input[0] not in rounded:
                nodes.append(_round(node.input[0], ranges[node.input[0]], constant))
                rounded.add(node.input[0])
            nodes.append(_product(node, weights[node.input[1]], constant))
        else:
            nodes.append(node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    _remove_unused(proto)
    if all(opset.domain != _CONTRIB for opset in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
    return bytes(proto.SerializeToString(deterministic=True))


def _is_large(node: NodeProto, weights: Mapping[str, tuple[int, ...]]) -> bool:
    shape = weights.get(node.input[1])
    if shape is None:
        return False
    rows, columns = reversed(shape) if _attributes(node).get("transB") else shape
    return rows >= FEWEST_ROWS and columns >= _FEWEST_COLUMNS


def _round(name: str, limits: Range, constant: Callable[..., str]) -> NodeProto:
    low, high = limits
    scale = max((high - low) / 255, 1e-12)
    inputs = [name, constant(f"{name}_scale", np.array(scale, np.float32))]
    inputs.append(constant(f"{name}_zero", np.array(np.clip(round(-low / scale), 0, 255), np.uint8)))
    return helper.make_node("QuantizeLinear", inputs, [f"{name}_int8"])


def _product(node: NodeProto, weight: FloatArray, constant: Callable[..., str]) -> NodeProto:
    """One product with its scales and bias; the scales of the weights are per column."""
    matrix = weight.T if _attributes(node).get("transB") else weight
    scale = np.maximum(np.abs(matrix).max(axis=0) / 127, 1e-12).astype(np.float32)
    integers = np.ascontiguousarray(np.round(matrix / scale).astype(np.int8))
    name, result = node.input[0], node.output[0]
    inputs = [
        f"{name}_int8",
        constant(f"{result}_weight", integers),
        f"{name}_scale",
        constant(f"{result}_scale", scale),
        f"{name}_zero",
        constant(f"{result}_zero", np.zeros(len(scale), np.int8)),
        *node.input[2:],
    ]
    return helper.make_node("MatMulIntegerToFloat", inputs, [result], domain=_CONTRIB)


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _remove_unused(proto: ModelProto) -> None:
    read = {name for node in proto.graph.node for name in node.input}
    inner = [a.g for node in proto.graph.node for a in node.attribute if a.HasField("g")]
    read |= {name for graph in inner for node in graph.node for name in node.input}
    kept = [tensor for tensor in proto.graph.initializer if tensor.name in read]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
