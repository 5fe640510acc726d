"""Bundles whose outputs anyone can recompute: of jets, and of events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from coffea_fm.bundle import Graph, Manifest, Output, save_bundle
from coffea_fm.tokens import Level, jet_level, token_level

CLASSES = ("QCD", "Hbb", "Tbqq")
MAX_TOKENS = 20
WEIGHTS = np.random.default_rng(0).normal(0, 0.02, size=(6, 3)).astype(np.float32)


CONSTITUENTS = token_level("constituents", ("pt", "eta", "charge", "d0"), minimum=1, maximum=MAX_TOKENS)
RAW = ("constituents", "constituents_mask", "constituents_missing")


def level_of_jets() -> Level:
    level = jet_level((CONSTITUENTS,), ("pt_raw", "mass_raw"))
    pt, mass = level.fields
    return replace(level, fields=(replace(pt, trained=(100.0, 2000.0)), mass))


def onnx_bytes(nodes: list[object], inputs: list[object], outputs: list[object], constants: dict[str, object]) -> bytes:
    constants_ = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants_)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def backbone_bytes(jet: str = "jet", columns: int = 2) -> bytes:
    """Embedding: the sum of each constituent field, how many lack d0, and the jet's mass over its pt.

    These are the first two of `columns` fields of the jet, which come under the name `jet`.
    """
    boolean, number = TensorProto.BOOL, TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["constituents_mask"], ["mask_number"], to=number),
        helper.make_node("Unsqueeze", ["mask_number", "last"], ["mask"]),
        helper.make_node("Mul", ["constituents", "mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "tokens_axis"], ["sums"], keepdims=0),
        helper.make_node("Cast", ["constituents_missing"], ["missing_number"], to=number),
        helper.make_node("ReduceSum", ["missing_number", "tokens_axis"], ["lacking"], keepdims=0),
        helper.make_node("Split", [jet, "sizes"], ["jet_pt", "jet_mass", "others"], axis=1),
        helper.make_node("Div", ["jet_mass", "jet_pt"], ["ratio"]),
        helper.make_node("Concat", ["sums", "lacking", "ratio"], ["embedding"], axis=1),
    ]
    inputs = [
        helper.make_tensor_value_info("constituents", number, ["sets", "tokens", 4]),
        helper.make_tensor_value_info("constituents_mask", boolean, ["sets", "tokens"]),
        helper.make_tensor_value_info("constituents_missing", boolean, ["sets", "tokens", 1]),
        helper.make_tensor_value_info(jet, number, ["sets", columns]),
    ]
    outputs = [helper.make_tensor_value_info("embedding", number, ["sets", 6])]
    constants = {"last": np.array([-1]), "tokens_axis": np.array([1]), "sizes": np.array([1, 1, columns - 2])}
    return onnx_bytes(nodes, inputs, outputs, constants)


def head_bytes(weights: np.ndarray = WEIGHTS) -> bytes:
    nodes = [
        helper.make_node("MatMul", ["embedding", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    number = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("embedding", number, ["sets", 6])]
    outputs = [helper.make_tensor_value_info("scores", number, ["sets", 3])]
    return onnx_bytes(nodes, inputs, outputs, {"weights": weights})


def tiny_manifest(name: str = "tiny") -> Manifest:
    return Manifest(
        name=name,
        level=level_of_jets(),
        outputs=(Output(name="scores", dim=3, classes=CLASSES), Output(name="embedding", dim=6)),
        graphs=(
            Graph(name="backbone", file="backbone.onnx", inputs=(*RAW, "jet"), outputs=("embedding",)),
            Graph(name="head", file="head.onnx", inputs=("embedding",), outputs=("scores",)),
        ),
    )


EVENT_WEIGHTS = np.random.default_rng(3).normal(0, 0.01, size=(8, 2)).astype(np.float32)
EVENT_CLASSES = ("background", "signal")


def level_of_events(minimum: int = 2) -> Level:
    """The backbone reads the uncorrected momentum of the jets, and the head the corrected one."""
    fields = ("pt_raw", "mass_raw", "pt", "mass")
    jets = jet_level((CONSTITUENTS,), fields, name="FatJet", order="pt", minimum=minimum, maximum=3)
    return Level("event", members=(jets,))


def event_head_bytes() -> bytes:
    """Scores: the sum over jets of embedding, pt and mass, weighted and put through a softmax."""
    number = TensorProto.FLOAT
    nodes = [
        helper.make_node("Split", ["FatJet", "sizes"], ["raw", "corrected"], axis=2),
        helper.make_node("Concat", ["FatJet_embedding", "corrected"], ["together"], axis=2),
        helper.make_node("Cast", ["FatJet_mask"], ["mask_number"], to=number),
        helper.make_node("Unsqueeze", ["mask_number", "last"], ["mask"]),
        helper.make_node("Mul", ["together", "mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "jets_axis"], ["sums"], keepdims=0),
        helper.make_node("MatMul", ["sums", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    inputs = [
        helper.make_tensor_value_info("FatJet_embedding", number, ["events", "jets", 6]),
        helper.make_tensor_value_info("FatJet", number, ["events", "jets", 4]),
        helper.make_tensor_value_info("FatJet_mask", TensorProto.BOOL, ["events", "jets"]),
    ]
    outputs = [helper.make_tensor_value_info("scores", number, ["events", 2])]
    constants = {
        "sizes": np.array([2, 2]),
        "last": np.array([-1]),
        "jets_axis": np.array([1]),
        "weights": EVENT_WEIGHTS,
    }
    return onnx_bytes(nodes, inputs, outputs, constants)


def event_manifest(name: str, minimum: int = 2) -> Manifest:
    return Manifest(
        name=name,
        level=level_of_events(minimum),
        outputs=(
            Output(name="scores", dim=2, classes=EVENT_CLASSES, level="event"),
            Output(name="embedding", dim=6, level="FatJet"),
        ),
        graphs=(
            Graph(
                name="backbone",
                file="backbone.onnx",
                level="FatJet",
                inputs=(*RAW, "FatJet"),
                outputs=("embedding",),
            ),
            Graph(
                name="event-head",
                file="event-head.onnx",
                level="event",
                inputs=("FatJet_embedding", "FatJet", "FatJet_mask"),
                outputs=("scores",),
            ),
        ),
    )


def save_tiny(folder: Path, name: str, weights: np.ndarray = WEIGHTS) -> Path:
    """Write a bundle of jets, with these weights of the head."""
    save_bundle(folder, tiny_manifest(name), {"backbone": backbone_bytes(), "head": head_bytes(weights)}, "")
    return folder


def save_tiny_event(folder: Path, name: str, minimum: int = 2) -> Path:
    """Write a bundle of events."""
    graphs = {"backbone": backbone_bytes("FatJet", columns=4), "event-head": event_head_bytes()}
    save_bundle(folder, event_manifest(name, minimum), graphs, "")
    return folder
