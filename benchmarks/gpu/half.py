"""The network of a graph in half precision, with the features in single precision.

The converters at hand store every number between two operators in half precision, also where both operators are kept in
single precision: logarithms and impact parameters become infinite there. Here the graph has two regions, and only what
crosses from one to the other is cast.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

from coffea_fm.export.int8 import folded

HALVED = ("blocks.", "/embed", "pair_bias/Gemm", "pair_bias/Gelu")
"""Parts of the names of nodes of the network proper. The others compute features, pair features, and invalid inputs."""


def half(graph: bytes) -> bytes:
    """The graph in half precision; its inputs and outputs stay as they are."""
    proto = shape_inference.infer_shapes(folded(graph))
    single = _single(proto)
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    nodes: list[NodeProto] = []
    made: set[str] = set()
    halved: set[str] = set()

    def as_half(name: str) -> str:
        if name in halved or name not in single:
            return name
        result = f"{name}_half"
        if result not in made:
            made.add(result)
            if name in weights:
                values = numpy_helper.to_array(weights[name]).astype(np.float16)
                proto.graph.initializer.append(numpy_helper.from_array(values, result))
            else:
                nodes.append(_cast(name, result, TensorProto.FLOAT16))
        return result

    def as_single(name: str) -> str:
        if name not in halved:
            return name
        result = f"{name}_single"
        if result not in made:
            made.add(result)
            nodes.append(_cast(name, result, TensorProto.FLOAT))
        return result

    for node in proto.graph.node:
        inside = any(part in node.name for part in HALVED)
        node.input[:] = [as_half(name) if inside else as_single(name) for name in node.input]
        nodes.append(node)
        halved |= {name for name in node.output if inside and name in single}
    for output in proto.graph.output:
        if output.name in halved:
            _rename(nodes, output.name, f"{output.name}_half")
            nodes.append(_cast(f"{output.name}_half", output.name, TensorProto.FLOAT))
    del proto.graph.node[:], proto.graph.value_info[:]
    proto.graph.node.extend(nodes)
    return bytes(proto.SerializeToString())


def _single(proto: ModelProto) -> set[str]:
    """Names of all tensors in single precision."""
    described = (*proto.graph.value_info, *proto.graph.input, *proto.graph.output)
    names = {value.name for value in described if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    return names | {tensor.name for tensor in proto.graph.initializer if tensor.data_type == TensorProto.FLOAT}


def _cast(name: str, result: str, kind: int) -> NodeProto:
    return helper.make_node("Cast", [name], [result], name=f"cast:{result}", to=kind)


def _rename(nodes: list[NodeProto], name: str, new: str) -> None:
    for node in nodes:
        node.input[:] = [new if given == name else given for given in node.input]
        node.output[:] = [new if given == name else given for given in node.output]
