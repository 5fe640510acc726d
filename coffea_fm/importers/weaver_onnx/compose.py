"""Put the nodes of the inputs, the model as it came, and its outputs into one graph."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper

from coffea_fm.errors import InputError
from coffea_fm.importers.weaver_onnx.inputs import Inputs, Layout, raw_names
from coffea_fm.importers.weaver_onnx.nodes import Nodes
from coffea_fm.importers.weaver_onnx.original import Original
from coffea_fm.importers.weaver_onnx.outputs import OutputPlan
from coffea_fm.importers.weaver_onnx.plan import Plan
from coffea_fm.importers.weaver_onnx.runs import Allowed

_PREFIX = "model_"


def compose(
    original: Original, plan: Plan, layouts: Mapping[str, Layout], allowed: Allowed, outputs: Sequence[OutputPlan]
) -> bytes:
    """Compose the graph of a bundle.

    Parameters
    ----------
    original : Original
    plan : Plan
    layouts : mapping of str to Layout
    allowed : Allowed
        Whether the model takes several jets at once. If not, a loop inside the graph runs it for one jet after another.
    outputs : sequence of OutputPlan

    Returns
    -------
    bytes
        The ONNX file. It reads the raw arrays of the level.

    Raises
    ------
    InputError
        If the result is not a valid model.
    """
    nodes = Nodes()
    inputs = Inputs(nodes, plan)
    tensors = {entry.name: inputs.tensor(entry, layouts[entry.name]) for entry in plan.inputs}
    model = onnx.compose.add_prefix(original.model, _PREFIX)
    if allowed.one_by_one:
        lengths = {} if allowed.padding else {e.name: inputs.length(e) for e in plan.inputs if e.group.tokens}
        answers = _loop(nodes, model, original, tensors, lengths, layouts)
    else:
        answers = _inline(nodes, model, original, tensors)
    graph_outputs = _finish(nodes, answers, inputs.enough(), outputs)
    graph = helper.make_graph(
        nodes.nodes,
        "imported",
        [helper.make_tensor_value_info(*described) for described in raw_names(plan.level)],
        graph_outputs,
        nodes.initializers,
    )
    composed = helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=max(model.ir_version, 8), functions=model.functions
    )
    helper.set_model_props(composed, {"coffea_fm": json.dumps(asdict(plan.level))})
    try:
        onnx.checker.check_model(composed)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise InputError(f"{original.path} cannot be put into one graph with its inputs: {error}") from error
    return bytes(composed.SerializeToString(deterministic=True))


def _inline(nodes: Nodes, model: ModelProto, original: Original, tensors: Mapping[str, str]) -> list[str]:
    for name, tensor in tensors.items():
        nodes.nodes.append(helper.make_node("Identity", [tensor], [f"{_PREFIX}{name}"]))
    nodes.nodes.extend(model.graph.node)
    nodes.initializers.extend(model.graph.initializer)
    return [f"{_PREFIX}{name}" for name in original.outputs]


def _loop(
    nodes: Nodes,
    model: ModelProto,
    original: Original,
    tensors: Mapping[str, str],
    lengths: Mapping[str, str],
    layouts: Mapping[str, Layout],
) -> list[str]:
    """A scan over jets, whose body is the model for one jet, at its own length where that matters."""
    zero = helper.make_tensor("each_zero", TensorProto.INT64, [1], [0])
    body_nodes, body_inputs = [], []
    for name in tensors:
        given = f"each_{name}"
        rank = len(original.inputs[name])
        body_inputs.append(helper.make_tensor_value_info(given, TensorProto.FLOAT, [None] * (rank - 1)))
        if name in lengths:
            axis = helper.make_tensor(
                f"each_axis_{name}", TensorProto.INT64, [1], [0 if layouts[name] == "tokens" else 1]
            )
            body_nodes += [
                helper.make_node("Constant", [], [axis.name], value=axis),
                helper.make_node("Unsqueeze", [f"each_length_{name}", zero.name], [f"each_end_{name}"]),
                helper.make_node("Slice", [given, zero.name, f"each_end_{name}", axis.name], [f"each_cut_{name}"]),
            ]
            given = f"each_cut_{name}"
        body_nodes.append(helper.make_node("Unsqueeze", [given, zero.name], [f"{_PREFIX}{name}"]))
    body_inputs += [helper.make_tensor_value_info(f"each_length_{name}", TensorProto.INT64, []) for name in lengths]
    body_nodes.extend(model.graph.node)
    body_outputs = []
    for name, dims in original.outputs.items():
        body_nodes.append(helper.make_node("Squeeze", [f"{_PREFIX}{name}", zero.name], [f"each_{_PREFIX}{name}"]))
        shape = [None] * (len(dims) - 1)
        body_outputs.append(helper.make_tensor_value_info(f"each_{_PREFIX}{name}", TensorProto.FLOAT, shape))
    body = helper.make_graph(body_nodes, "each", body_inputs, body_outputs, [zero, *model.graph.initializer])
    answers = [f"all_{name}" for name in original.outputs]
    given_names = [*tensors.values(), *lengths.values()]
    nodes.nodes.append(
        helper.make_node("Scan", given_names, answers, "jets", body=body, num_scan_inputs=len(given_names))
    )
    return answers


def _finish(
    nodes: Nodes, answers: Sequence[str], enough: str | None, outputs: Sequence[OutputPlan]
) -> list[onnx.ValueInfoProto]:
    """Outputs of the graph, NaN where a jet has too few tokens."""
    together = answers[0] if len(answers) == 1 else nodes.add("Concat", *answers, axis=1)
    described = []
    for output in outputs:
        values = nodes.add("Gather", together, nodes.integers(*output.columns), axis=1)
        if output.softmax:
            values = nodes.add("Softmax", values, axis=1)
        if enough is not None:
            values = nodes.add("Where", enough, values, nodes.constant(np.nan))
        nodes.nodes.append(helper.make_node("Identity", [values], [output.name]))
        described.append(helper.make_tensor_value_info(output.name, TensorProto.FLOAT, ["n", len(output.columns)]))
    return described
