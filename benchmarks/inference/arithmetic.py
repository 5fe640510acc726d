"""The arithmetic limit: multiplications and additions of the real tokens, at the rate of onnxruntime's matrix products."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from coffea_fm.export.check import open_session

FEATURES, EMBED, PAIR, DIM, LAYERS, CLASS_LAYERS, CLASSES = 17, (128, 512, 128), (4, 64, 64, 64, 8), 128, 8, 2, 10


def flops(lengths: npt.NDArray[np.int64]) -> float:
    """Floating-point operations of ParT's matrix products for jets of these lengths; each pair counted once."""
    tokens = lengths.astype(np.float64)
    pairs = tokens * (tokens + 1) / 2
    layer = tokens * (4 * DIM**2 + 2 * 4 * DIM**2) + 2 * tokens**2 * DIM
    class_layer = (tokens + 1) * (2 * DIM**2 + 2 * DIM) + 2 * DIM**2 + 2 * 4 * DIM**2
    products = (
        tokens * _chain((FEATURES, *EMBED))
        + pairs * _chain(PAIR)
        + LAYERS * layer
        + CLASS_LAYERS * class_layer
        + DIM * CLASSES
    )
    return float(2 * products.sum())


def _chain(widths: tuple[int, ...]) -> int:
    return sum(left * right for left, right in pairwise(widths))


def gemm_rate(rounds: int = 5, rows: int = 512) -> float:
    """Operations per second of CPU time of onnxruntime's own matrix products, in the shapes of a layer of ParT.

    The chain of products is that of a layer, for as many tokens as a batch holds, with weights packed beforehand.
    """
    widths = (DIM, 4 * DIM, DIM, DIM, DIM, DIM, DIM) * 4
    shapes = list(pairwise(widths))
    session = open_session(_products(shapes))
    given = {"x0": np.random.default_rng(0).standard_normal((rows, DIM), dtype=np.float32)}
    operations = 20 * 2 * rows * sum(left * right for left, right in shapes)
    rates = []
    for _ in range(rounds + 1):
        start = time.process_time()
        for _ in range(20):
            session.run(None, given)
        rates.append(operations / (time.process_time() - start))
    return float(np.median(rates[1:]))


def _products(shapes: list[tuple[int, int]]) -> bytes:
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal(shape, dtype=np.float32) / np.float32(shape[0] ** 0.5) for shape in shapes]
    initializers = [numpy_helper.from_array(weight, f"w{index}") for index, weight in enumerate(weights)]
    nodes = [helper.make_node("Gemm", [f"x{at}", f"w{at}"], [f"x{at + 1}"]) for at in range(len(shapes))]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", DIM]) for name in ("x0", f"x{len(shapes)}")]
    graph = helper.make_graph(nodes, "products", ends[:1], ends[1:], initializers)
    opset = [helper.make_opsetid("", 20)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString())
