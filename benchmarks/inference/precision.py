"""Ways to run ParT in reduced precision, each with its speed, its differences and what a jet's batch does to its score.

Run ``python benchmarks/inference/precision.py BUNDLE SHARDS`` with a *trained* network of ParT's size and labelled jets
that it was not trained on. Writes ``precision.md`` beside this file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from coffea_fm.bundle import Bundle, load_bundle
from coffea_fm.evaluation.paired import paired
from coffea_fm.export.check import open_session
from coffea_fm.export.int8 import Recorder, folded, products, to_int8, with_outputs
from coffea_fm.inference.chain import Chain
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Packed

SCALES, PIECE, BLOCK = 500, 53, 64
Graph = Callable[[bytes, Mapping[str, Any]], bytes]


def static(*, pairs: bool, tanh: bool) -> Graph:
    """Static 8-bit integers, as `coffea_fm.make_fast` makes them; without the pair bias or with exact GELU if asked."""

    def make(data: bytes, ranges: Mapping[str, Any]) -> bytes:
        proto = folded(data)
        wide = {node.input[0] for node in products(proto) if pairs or not _of_pairs(node, proto)}
        return to_int8(proto, {name: limits for name, limits in ranges.items() if name in wide}, tanh=tanh)

    return make


def _of_pairs(node: onnx.NodeProto, proto: onnx.ModelProto) -> bool:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    return max(shapes[node.input[1]]) <= 64


def dynamic(data: bytes, _: Mapping[str, Any]) -> bytes:
    """Dynamic quantisation of onnxruntime: activation scales from the whole batch."""
    return _through_files(
        data,
        lambda source, target: quantize_dynamic(source, target, weight_type=QuantType.QInt8),
    )


def by_row(data: bytes, _: Mapping[str, Any]) -> bytes:
    """8-bit weights in blocks; products in 8-bit integers with a scale for each row and block of activations."""
    proto = folded(data)
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    chosen = {node.output[0] for node in products(proto)}
    nodes = []
    for node in proto.graph.node:
        if node.output[0] in chosen:
            turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            matrix = held[node.input[1]] if turned else held[node.input[1]].T
            nodes += _by_row(node, matrix, proto)
        else:
            nodes.append(node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    if all(opset.domain != "com.microsoft" for opset in proto.opset_import):
        proto.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return bytes(proto.SerializeToString())


def _by_row(node: onnx.NodeProto, matrix: Any, proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """One product; the weights [columns, rows] in blocks of a row."""
    columns, rows = matrix.shape
    blocks = matrix.reshape(columns, rows // BLOCK, BLOCK)
    scales = np.maximum(np.abs(blocks).max(axis=2) / 127, 1e-12).astype(np.float32)
    integers = (np.round(blocks / scales[..., np.newaxis]) + 128).astype(np.uint8)
    result = node.output[0]
    for name, values in (("blocks", integers), ("scales", scales.ravel())):
        proto.graph.initializer.append(onnx.numpy_helper.from_array(values, f"{result}_{name}"))
    sizes = {"K": rows, "N": columns, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
    inputs = [node.input[0], f"{result}_blocks", f"{result}_scales"]
    product = onnx.helper.make_node("MatMulNBits", inputs, [f"{result}_product"], domain="com.microsoft", **sizes)
    return [product, onnx.helper.make_node("Add", [f"{result}_product", node.input[2]], [result])]


def gelu_only(data: bytes, _: Mapping[str, Any]) -> bytes:
    """Only GELU by tanh."""
    return to_int8(folded(data), {}, tanh=True)


WAYS: dict[str, Graph] = {
    "fp32": lambda data, _: data,
    "fp32, GELU by tanh": gelu_only,
    "static int8 of the blocks": static(pairs=False, tanh=False),
    "static int8 of all products": static(pairs=True, tanh=False),
    "static int8 of the blocks, GELU by tanh": static(pairs=False, tanh=True),
    "static int8 of all products, GELU by tanh (`fast`)": static(pairs=True, tanh=True),
    "dynamic int8 (scales of the batch)": dynamic,
    "int8 weights in blocks, scales of each row (MatMulNBits)": by_row,
}


def main() -> None:
    """Measure all ways in turns, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("data", type=Path)
    parser.add_argument("--jets", type=int, default=3000, help="jets for the differences")
    parser.add_argument("--timed", type=int, default=400, help="jets in a turn of the clock")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    data = ShardDataset(options.data, bundle.manifest.level)
    packed, columns = data.read(data.row_groups)
    order = np.random.default_rng(0).permutation(len(packed))
    scales, tested = packed.take(order[:SCALES]), order[SCALES : SCALES + options.jets]
    packed, target = packed.take(tested), columns["target"][tested].astype(np.int64)
    ranges = _ranges(bundle, scales)
    made: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    for name, make in WAYS.items():
        try:
            made[name] = {"backbone": open_session(make(bundle.graphs["backbone"], ranges))}
        except Exception as error:  # noqa: BLE001 - a way that cannot be had is a result
            failed[name] = str(error).splitlines()[0][:120]
    head = open_session(bundle.graphs["head"])
    chains = {name: _chain(bundle, sessions | {"head": head}) for name, sessions in made.items()}
    rates = _rates(chains, packed.take(np.arange(options.timed)), options.turns)
    scores = {name: _scores(chain, packed) for name, chain in chains.items()}
    classes = bundle.manifest.output("scores").classes
    compared = paired(scores, target, classes, classes[0], 0.5)
    lines = [
        f"`benchmarks/inference/precision.py` on a trained network of ParT's size, one thread, load {os.getloadavg()[0]:.1f};",
        f"differences to fp32 on {len(packed):,} labelled jets; speed in turns of {options.timed} jets, CPU time.",
        "",
        "| way | speed to fp32 | mean difference of a score | largest | in other batches | largest ΔAUC |",
        "|---|---|---|---|---|---|",
    ]
    for name, chain in chains.items():
        ratios = [value / other for value, other in zip(rates[name], rates["fp32"], strict=True)]
        difference = np.abs(scores[name] - scores["fp32"])
        again = np.concatenate(
            [_scores(chain, packed.take(np.arange(at, at + PIECE))) for at in range(0, 10 * PIECE, PIECE)]
        )
        moved = np.abs(again - scores[name][: len(again)]).max()
        signal, worst = max(compared[name].auc_difference.items(), key=lambda item: abs(item[1].value))
        error = (worst.interval[1] - worst.interval[0]) / 2
        lines.append(
            f"| {name} | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {difference.mean():.1e} "
            f"| {difference.max():.1e} | {moved:.1e} | {worst.value:+.4f} ± {error:.4f} ({signal}) |"
        )
    lines += [f"| {name} | cannot be had: {reason} | | | | |" for name, reason in failed.items()]
    text = "\n".join([*lines, ""])
    Path(__file__).with_name("precision.md").write_text(text)
    print(text)


def _ranges(bundle: Bundle, packed: Packed) -> dict[str, Any]:
    proto = folded(bundle.graphs["backbone"])
    read = sorted({node.input[0] for node in products(proto)})
    recorder = Recorder(open_session(with_outputs(proto, read)), read)
    _chain(bundle, {"backbone": recorder}).run(packed, bundle.manifest.level, ("embedding",))
    return recorder.ranges


def _rates(chains: Mapping[str, Chain], packed: Packed, turns: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in chains}
    for turn in range(turns + 1):
        for name, chain in chains.items():
            start = time.process_time()
            _scores(chain, packed)
            if turn:
                rates[name].append(len(packed) / (time.process_time() - start))
    return rates


def _chain(bundle: Bundle, sessions: Mapping[str, Any]) -> Chain:
    return Chain(bundle.manifest, lambda graph: sessions[graph.name])


def _scores(chain: Chain, packed: Packed) -> Any:
    return chain.run(packed, chain.manifest.level, ("scores",))["scores"]


def _through_files(data: bytes, change: Callable[[str, str], None]) -> bytes:
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.onnx", Path(folder) / "target.onnx"
        onnx.save(folded(data), source)
        change(str(source), str(target))
        return target.read_bytes()


if __name__ == "__main__":
    main()
