"""Small files made by the tests themselves: labelled jets in PFNano's layout, and a bundle that anyone can recompute."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import uproot
from onnx import TensorProto, helper, numpy_helper

from coffea_fm.bundle import Graph, Manifest, Output, save_bundle
from coffea_fm.classes import JET_CLASSES
from coffea_fm.tokens import jet_level, token_level

CENTRES = 5.0 + 3.0 * np.arange(len(JET_CLASSES))
"""Class k has this many constituents, give or take two; the bundle's scores fall with the distance squared."""


def make_nano(path: Path, n_events: int = 50, seed: int = 0, *, labelled: bool = True) -> ak.Array:
    """Write events with 0 to 3 jets, two per cent of them without constituents; gives the jets' fields as written."""
    rng = np.random.default_rng(seed)
    n_jets = rng.integers(0, 4, n_events)
    total = int(n_jets.sum())
    label = rng.integers(-1, len(JET_CLASSES), total)
    n_constituents = np.where(label < 0, 4, CENTRES[label]).astype(int) + rng.integers(-2, 3, total)
    n_constituents[rng.random(total) < 0.02] = 0
    jet_in_event = np.arange(total) - np.repeat(np.cumsum(n_jets) - n_jets, n_jets)
    event_of_jet = np.repeat(np.arange(n_events), n_jets)
    n_candidates = np.bincount(np.repeat(event_of_jet, n_constituents), minlength=n_events)
    candidates = int(n_candidates.sum())
    candidate_in_event = np.arange(candidates) - np.repeat(np.cumsum(n_candidates) - n_candidates, n_candidates)
    charged = rng.random(candidates) < 0.6
    jets = {
        "pt": rng.uniform(150, 1500, total),
        "eta": rng.uniform(-2.8, 2.8, total),
        "phi": rng.uniform(-3.1, 3.1, total),
        "mass": rng.uniform(5, 250, total),
        "msoftdrop": rng.uniform(0, 250, total),
        "rawFactor": np.zeros(total),
    }
    jets = {name: values.astype(np.float32) for name, values in jets.items()}
    jets["nConstituents"] = n_constituents.astype(np.int32)
    if labelled:
        jets["label"] = label.astype(np.int32)
    candidate_fields = {
        "pt": rng.exponential(10, candidates) + 0.5,
        "eta": rng.uniform(-2.5, 2.5, candidates),
        "phi": rng.uniform(-3.1, 3.1, candidates),
        "mass": np.full(candidates, 0.14),
        "d0": np.where(charged, rng.normal(0, 0.01, candidates), -1),
        "d0Err": np.where(charged, 0.002, -1),
        "dz": np.where(charged, rng.normal(0, 0.02, candidates), -1),
        "dzErr": np.where(charged, 0.004, -1),
        "puppiWeight": np.ones(candidates),
    }
    candidate_fields = {name: values.astype(np.float32) for name, values in candidate_fields.items()}
    charge = np.where(charged, rng.choice([-1, 1], candidates), 0).astype(np.int32)
    candidate_fields |= {"charge": charge, "pdgId": np.where(charged, 211 * charge, 22).astype(np.int32)}
    links = {
        "jetIdx": np.repeat(jet_in_event, n_constituents).astype(np.int32),
        "pFCandsIdx": candidate_in_event.astype(np.int32),
    }
    tree = {
        "run": np.ones(n_events, np.uint32),
        "luminosityBlock": np.ones(n_events, np.uint32),
        "event": np.arange(n_events, dtype=np.uint64),
        "FatJet": ak.unflatten(ak.zip(jets), n_jets),
        "PFCands": ak.unflatten(ak.zip(candidate_fields), n_candidates),
        "FatJetPFCands": ak.unflatten(ak.zip(links), n_candidates),
    }
    with uproot.recreate(path) as file:
        write_tree(file, tree)
    return tree["FatJet"]


def write_tree(file: uproot.WritableDirectory, *chunks: dict[str, ak.Array]) -> None:
    """A TTree ``Events``, a basket for each chunk."""
    tree = file.mktree("Events", chunks[0])
    for chunk in chunks[1:]:
        tree.extend(chunk)


def expected_scores(n_constituents: np.ndarray) -> np.ndarray:
    """What the bundle of `make_bundle` gives, in float64: [n_jets, 10], NaN without constituents."""
    logits = -0.1 * (n_constituents[:, np.newaxis] - CENTRES) ** 2
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.where(n_constituents[:, np.newaxis] == 0, np.nan, weights / weights.sum(axis=1, keepdims=True))


def make_bundle(folder: Path, name: str = "counting") -> Path:
    """Write a bundle that classifies jets by their number of constituents."""
    number, boolean = TensorProto.FLOAT, TensorProto.BOOL
    nodes = [
        helper.make_node("Cast", ["constituents_mask"], ["mask"], to=number),
        helper.make_node("ReduceSum", ["mask", "tokens_axis"], ["embedding"], keepdims=1),
        helper.make_node("Sub", ["embedding", "centres"], ["distance"]),
        helper.make_node("Mul", ["distance", "distance"], ["squared"]),
        helper.make_node("Mul", ["squared", "slope"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    constants = {
        "tokens_axis": np.array([1]),
        "centres": CENTRES[np.newaxis].astype(np.float32),
        "slope": np.array([-0.1], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "counting",
        [
            helper.make_tensor_value_info("constituents", number, ["sets", "tokens", 2]),
            helper.make_tensor_value_info("constituents_mask", boolean, ["sets", "tokens"]),
        ],
        [
            helper.make_tensor_value_info("embedding", number, ["sets", 1]),
            helper.make_tensor_value_info("scores", number, ["sets", len(JET_CLASSES)]),
        ],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    manifest = Manifest(
        name=name,
        level=jet_level((token_level("constituents", ("pt", "eta"), minimum=1),), ()),
        outputs=(
            Output(name="scores", dim=len(JET_CLASSES), classes=JET_CLASSES),
            Output(name="embedding", dim=1),
        ),
        graphs=(
            Graph(
                name="classifier",
                file="classifier.onnx",
                inputs=("constituents", "constituents_mask"),
                outputs=("embedding", "scores"),
            ),
        ),
    )
    save_bundle(folder, manifest, {"classifier": model.SerializeToString()}, "# Counting\n")
    return folder
