"""Ways to make the graph of a network's backbone cheaper by computing with fewer bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from coffea_fm.export.int8 import folded, products, to_int8

BLOCK = 64
_CONTRIB = "com.microsoft"


@dataclass
class Observed:
    """What was seen of the first input of each product: ranges of each column without and with padding, and some rows."""

    low: dict[str, np.ndarray] = field(default_factory=dict)
    high: dict[str, np.ndarray] = field(default_factory=dict)
    padded: dict[str, tuple[float, float]] = field(default_factory=dict)
    rows: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of each input."""
        return {name: (float(low.min()), float(self.high[name].max())) for name, low in self.low.items()}


Way = Callable[[bytes, Observed], bytes]


def static(*, pairs: bool = True, tanh: bool = True, padding: bool = False) -> Way:
    """Static 8-bit integers as `coffea_fm.make_fast` makes them, or in part, or with scales that padding widens."""

    def make(data: bytes, seen: Observed) -> bytes:
        proto = folded(data)
        ranges = seen.padded if padding else seen.ranges
        chosen = {node.input[0] for node in products(proto) if pairs or not _of_pairs(node, proto)}
        return to_int8(proto, {name: limits for name, limits in ranges.items() if name in chosen}, tanh=tanh)

    return make


def clipped(quantile: float) -> Way:
    """Scales from a percentile of the values."""

    def make(data: bytes, seen: Observed) -> bytes:
        limits = {name: np.quantile(rows, (1 - quantile, quantile)) for name, rows in seen.rows.items()}
        return to_int8(folded(data), {name: (min(low, 0.0), max(high, 0.0)) for name, (low, high) in limits.items()})

    return make


def least_error(data: bytes, seen: Observed) -> bytes:
    """Scales with the smallest mean squared error of the rounded values."""
    chosen = {}
    for name, rows in seen.rows.items():
        low, high = seen.ranges[name]
        trials = [(low * share, high * share) for share in np.linspace(0.3, 1.0, 15)]
        chosen[name] = min(trials, key=lambda limits: _rounding_error(rows, *limits))
    return to_int8(folded(data), chosen)


def signed(data: bytes, seen: Observed) -> bytes:
    """Both factors as signed integers: symmetric scales, so that half of the range is empty after a GELU."""
    largest = {name: max(-low, high) for name, (low, high) in seen.ranges.items()}
    proto = onnx.load_from_string(to_int8(folded(data), {name: (-high, high) for name, high in largest.items()}))
    for tensor in proto.graph.initializer:
        if tensor.name.endswith("_zero") and tensor.data_type == TensorProto.UINT8:
            tensor.CopyFrom(numpy_helper.from_array(np.array(0, np.int8), tensor.name))
    return bytes(proto.SerializeToString())


def smoothed(data: bytes, seen: Observed) -> bytes:
    """Scales of columns moved from the output of a layer norm into the weights (SmoothQuant, arXiv:2211.10438)."""
    proto = folded(data)
    held = {tensor.name: tensor for tensor in proto.graph.initializer}
    readers = {node.input[0]: [] for node in products(proto)}
    for node in proto.graph.node:
        for name in node.input:
            if name in readers:
                readers[name].append(node)
    wide = {node.output[0] for node in products(proto)}
    ranges = dict(seen.ranges)
    for norm in [node for node in proto.graph.node if node.op_type == "LayerNormalization"]:
        name = norm.output[0]
        if name not in readers or any(node.output[0] not in wide for node in readers[name]):
            continue
        largest = np.maximum(-seen.low[name], seen.high[name])
        weights = np.max([np.abs(_matrix(node, held)).max(axis=1) for node in readers[name]], axis=0)
        scale = np.sqrt(np.maximum(largest, 1e-6) / np.maximum(weights, 1e-6)).astype(np.float32)
        for parameter in norm.input[1:]:
            _multiply(held[parameter], 1 / scale)
        for node in readers[name]:
            turned = _turned(node)
            _multiply(held[node.input[1]], scale if turned else scale[:, np.newaxis])
        ranges[name] = (float((seen.low[name] / scale).min()), float((seen.high[name] / scale).max()))
    return to_int8(proto, ranges)


def corrected(data: bytes, seen: Observed) -> bytes:
    """Biases corrected by the mean error of each column of a product."""
    proto = folded(data)
    held = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in products(proto):
        rows, matrix = seen.rows[node.input[0]], _matrix(node, held)
        scale = np.abs(matrix).max(axis=0) / 127
        error = rows @ matrix - _rounded(rows, *seen.ranges[node.input[0]]) @ (np.round(matrix / scale) * scale)
        bias = numpy_helper.to_array(held[node.input[2]]) + error.mean(axis=0)
        held[node.input[2]].CopyFrom(numpy_helper.from_array(bias.astype(np.float32), node.input[2]))
    return to_int8(proto, seen.ranges)


def by_row(data: bytes, seen: Observed) -> bytes:
    """Every row divided by its largest value before it is rounded, and the product multiplied by it."""
    proto = folded(data)
    ranges = dict.fromkeys(seen.ranges, (-1.0, 1.0))
    quantized = onnx.load_from_string(to_int8(proto, ranges))
    nodes: list[NodeProto] = []
    for node in quantized.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] in ranges:
            name = node.input[0]
            nodes += [
                helper.make_node("Abs", [name], [f"{name}_abs"]),
                helper.make_node("ReduceMax", [f"{name}_abs", "last_axis"], [f"{name}_largest"], keepdims=1),
                helper.make_node("Div", [name, f"{name}_largest"], [f"{name}_normed"]),
            ]
            node.input[0] = f"{name}_normed"
            nodes.append(node)
        elif node.op_type == "MatMulIntegerToFloat":
            name, result, bias = node.input[0].removesuffix("_int8"), node.output[0], node.input[6]
            del node.input[6:]
            node.output[0] = f"{result}_normed"
            nodes += [
                node,
                helper.make_node("Mul", [f"{result}_normed", f"{name}_largest"], [f"{result}_scaled"]),
                helper.make_node("Add", [f"{result}_scaled", bias], [result]),
            ]
        else:
            nodes.append(node)
    quantized.graph.initializer.append(numpy_helper.from_array(np.array([-1]), "last_axis"))
    del quantized.graph.node[:]
    quantized.graph.node.extend(nodes)
    return bytes(quantized.SerializeToString())


def dynamic(data: bytes, _: Observed) -> bytes:
    """Dynamic quantisation of onnxruntime: activation scales from the whole batch."""
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.onnx", Path(folder) / "target.onnx"
        onnx.save(folded(data), source)
        quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8)
        return target.read_bytes()


def in_blocks(data: bytes, _: Observed) -> bytes:
    """8-bit weights in blocks; products in 8-bit integers with a scale for each row and block of activations."""
    proto = folded(data)
    held = {tensor.name: tensor for tensor in proto.graph.initializer}
    replaced = {node.output[0]: _in_blocks(node, _matrix(node, held).T, proto) for node in products(proto)}
    _replace(proto, replaced)
    return bytes(proto.SerializeToString())


def bfloat16(data: bytes, _: Observed) -> bytes:
    """Products of weights in bfloat16."""
    proto = folded(data)
    replaced = {}
    for node in products(proto):
        result = node.output[0]
        casts = [
            helper.make_node("Cast", [name], [f"{result}_{index}"], to=TensorProto.BFLOAT16)
            for index, name in enumerate(node.input)
        ]
        inputs = [f"{result}_{index}" for index in range(len(node.input))]
        product = helper.make_node("Gemm", inputs, [f"{result}_bf16"])
        product.attribute.extend(node.attribute)
        replaced[result] = [
            *casts,
            product,
            helper.make_node("Cast", [f"{result}_bf16"], [result], to=TensorProto.FLOAT),
        ]
    _replace(proto, replaced)
    return bytes(proto.SerializeToString())


def _in_blocks(node: NodeProto, matrix: np.ndarray, proto: ModelProto) -> list[NodeProto]:
    """One product; the weights [columns, rows] in blocks of a row."""
    columns, rows = matrix.shape
    blocks = matrix.reshape(columns, rows // BLOCK, BLOCK)
    scales = np.maximum(np.abs(blocks).max(axis=2) / 127, 1e-12).astype(np.float32)
    integers = (np.round(blocks / scales[..., np.newaxis]) + 128).astype(np.uint8)
    result = node.output[0]
    for name, values in (("blocks", integers), ("scales", scales.ravel())):
        proto.graph.initializer.append(numpy_helper.from_array(values, f"{result}_{name}"))
    sizes = {"K": rows, "N": columns, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
    inputs = [node.input[0], f"{result}_blocks", f"{result}_scales"]
    product = helper.make_node("MatMulNBits", inputs, [f"{result}_product"], domain=_CONTRIB, **sizes)
    return [product, helper.make_node("Add", [f"{result}_product", node.input[2]], [result])]


def _replace(proto: ModelProto, replaced: dict[str, list[NodeProto]]) -> None:
    """Replace nodes by their output."""
    nodes = [new for node in proto.graph.node for new in replaced.get(node.output[0], [node])]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    if all(opset.domain != _CONTRIB for opset in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid(_CONTRIB, 1))


def _of_pairs(node: NodeProto, proto: ModelProto) -> bool:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    return max(shapes[node.input[1]]) <= BLOCK


def _turned(node: NodeProto) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)


def _matrix(node: NodeProto, held: dict[str, Any]) -> np.ndarray:
    matrix = numpy_helper.to_array(held[node.input[1]])
    return matrix.T if _turned(node) else matrix


def _multiply(tensor: TensorProto, factor: np.ndarray) -> None:
    tensor.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(tensor) * factor).astype(np.float32), tensor.name))


def _rounded(rows: np.ndarray, low: float, high: float) -> np.ndarray:
    scale = max((high - low) / 255, 1e-12)
    zero = np.clip(round(-low / scale), 0, 255)
    return (np.clip(np.rint(rows / scale) + zero, 0, 255) - zero) * scale


def _rounding_error(rows: np.ndarray, low: float, high: float) -> float:
    return float(np.mean((_rounded(rows, low, high) - rows) ** 2))


def ways() -> Iterator[tuple[str, Way]]:
    """All ways by name, the first as it is."""
    yield "fp32", lambda data, _: data
    yield "fp32, GELU by tanh", lambda data, _: to_int8(folded(data), {}, tanh=True)
    yield "static int8 of the blocks", static(pairs=False, tanh=False)
    yield "static int8 of the blocks, GELU by tanh", static(pairs=False)
    yield "static int8 of all products", static(tanh=False)
    yield "**static int8 of all products, GELU by tanh (`fast`)**", static()
    yield "`fast`, scales widened by padding", static(padding=True)
    yield "`fast`, scales from the percentile 99.99", clipped(0.9999)
    yield "`fast`, scales of the least squared error", least_error
    yield "`fast`, both factors signed", signed
    yield "`fast`, columns smoothed into layer norms and weights", smoothed
    yield "`fast`, biases corrected", corrected
    yield "`fast`, a scale for each row, computed in the graph", by_row
    yield "dynamic int8 (scales of the batch)", dynamic
    yield "int8 weights in blocks, scales of each row (MatMulNBits)", in_blocks
    yield "products in bfloat16", bfloat16


WAYS: Sequence[tuple[str, Way]] = tuple(ways())
