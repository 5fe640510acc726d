"""Small ONNX models with the inputs of weaver's exports: each group of tokens is averaged, then one linear layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

Group = tuple[str, int, int, int]
"""Name, number of variables, minimal and maximal length."""


def write_model(
    folder: Path,
    groups: list[Group],
    *,
    classes: int = 3,
    batch: int | str = "N",
    static: bool = False,
    masked: bool = True,
    baked: bool = False,
    tokens_first: bool = False,
    softmax: bool = True,
    regressed: int = 0,
    jet: int = 0,
    opset: int = 13,
) -> Path:
    """Write a model with inputs ``NAME_features`` and ``NAME_mask`` for each group, and ``jet_features``."""
    rng = np.random.default_rng(0)
    nodes, inputs, pooled, width = [], [], [], 0
    constants = [numpy_helper.from_array(np.array([1 if tokens_first else 2], np.int64), "token_axis")]
    for name, variables, _, most in groups:
        length = most if static else f"n_{name}"
        shape = [batch, length, variables] if tokens_first else [batch, variables, length]
        inputs.append(helper.make_tensor_value_info(f"{name}_features", TensorProto.FLOAT, shape))
        values = f"{name}_features"
        mask_shape = [batch, length, 1] if tokens_first else [batch, 1, length]
        inputs.append(helper.make_tensor_value_info(f"{name}_mask", TensorProto.FLOAT, mask_shape))
        if masked:
            nodes.append(helper.make_node("Mul", [values, f"{name}_mask"], [f"{name}_real"]))
            nodes.append(helper.make_node("ReduceSum", [f"{name}_real", "token_axis"], [f"{name}_sum"], keepdims=0))
            nodes.append(helper.make_node("ReduceSum", [f"{name}_mask", "token_axis"], [f"{name}_count"], keepdims=0))
            nodes.append(helper.make_node("Max", [f"{name}_count", "one"], [f"{name}_number"]))
            nodes.append(helper.make_node("Div", [f"{name}_sum", f"{name}_number"], [f"{name}_pooled"]))
        else:
            nodes.append(helper.make_node("Add", [values, f"{name}_mask"], [f"{name}_all"]))
            axis = 1 if tokens_first else 2
            nodes.append(helper.make_node("ReduceMean", [f"{name}_all"], [f"{name}_pooled"], axes=[axis], keepdims=0))
        pooled.append(f"{name}_pooled")
        width += variables
    if jet:
        inputs.append(helper.make_tensor_value_info("jet_features", TensorProto.FLOAT, [batch, jet]))
        pooled.append("jet_features")
        width += jet
    nodes.append(helper.make_node("Concat", pooled, ["pooled"], axis=1))
    constants += [
        numpy_helper.from_array(np.ones(1, np.float32), "one"),
        numpy_helper.from_array(rng.normal(0, 0.5, (width, classes)).astype(np.float32), "weight"),
        numpy_helper.from_array(np.array([1, width], np.int64), "baked_shape"),
    ]
    hidden = "pooled"
    if baked:
        nodes.append(helper.make_node("Reshape", ["pooled", "baked_shape"], ["reshaped"]))
        hidden = "reshaped"
    nodes.append(helper.make_node("MatMul", [hidden, "weight"], ["logits"]))
    output = "logits"
    if regressed and regressed < classes:
        constants.append(numpy_helper.from_array(np.array([classes - regressed, regressed], np.int64), "parts"))
        nodes.append(helper.make_node("Split", ["logits", "parts"], ["classified", "target"], axis=1))
        nodes.append(helper.make_node("Softmax", ["classified"], ["classes"], axis=1))
        nodes.append(helper.make_node("Concat", ["classes", "target"], ["output"], axis=1))
        output = "output"
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["softmax"], axis=1))
        output = "softmax"
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, classes])
    graph = helper.make_graph(nodes, "small", inputs, [result], constants)
    path = folder / "model.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def write_preprocess(
    folder: Path, groups: list[Group], names: dict[str, list[str]], classes: int = 3, jet: list[str] = ()
) -> Path:
    """Write the ``preprocess.json`` of such a model."""
    content: dict = {"output_names": [f"label_{i}" for i in range(classes)], "input_names": []}
    info = {"median": 0.5, "norm_factor": 0.8, "replace_inf_value": 0, "lower_bound": -3, "upper_bound": 3, "pad": 0}
    plain = {"median": 0, "norm_factor": 1, "replace_inf_value": 0, "lower_bound": -1e32, "upper_bound": 1e32, "pad": 0}

    def add(name, variables, length, infos):
        content["input_names"].append(name)
        content[name] = {"var_names": variables, "var_infos": dict.fromkeys(variables, infos), **length}

    for name, _, least, most in groups:
        length = {"var_length": most} if least == most else {"min_length": least, "max_length": most}
        add(f"{name}_features", names[name], length, info)
        add(f"{name}_mask", [f"{name}_mask"], length, plain)
    if jet:
        add("jet_features", list(jet), {"var_length": None}, info)
    path = folder / "preprocess.json"
    path.write_text(json.dumps(content))
    return path
