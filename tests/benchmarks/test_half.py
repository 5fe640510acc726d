"""Half precision of the GPU benchmark."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest

from coffea_fm.bundle import load_bundle
from coffea_fm.export.check import open_session
from coffea_fm.tokens import array_names

FILE = Path(__file__).parents[2] / "benchmarks" / "gpu" / "half.py"


@pytest.fixture(scope="module")
def half():
    specification = importlib.util.spec_from_file_location("benchmark_half", FILE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.half


@pytest.mark.parametrize("name", ["jet-classifier-small", "jet-classifier-small-pairs"])
def test_network_in_half_precision_gives_nearly_the_same_embedding(half, name):
    bundle = load_bundle(name)
    graph = bundle.graphs["backbone"]
    level, rng = bundle.manifest.level, np.random.default_rng(0)
    (member,) = level.members
    # An energy of a TeV squared and an impact parameter of 1e-9 are outside the range of half precision.
    tokens = rng.uniform(-1, 1, (4, 6, len(member.names))).astype(np.float32)
    columns = {"pt": rng.uniform(1, 900, (4, 6)), "mass": 0.14, "pdgId": 211.0, "d0": 1e-9, "d0_error": 1e-9}
    for at, field in enumerate(member.names):
        if field in columns:
            tokens[:, :, at] = columns[field]
    jets = np.tile([[900.0 if "pt" in field else 0.1 for field in level.names]], (4, 1)).astype(np.float32)
    missing = np.zeros((4, 6, len(member.missing_names)), bool)
    mask = np.arange(6) < np.array([[6], [5], [3], [1]])
    values = {level.name: jets, member.name: tokens, f"{member.name}_mask": mask, f"{member.name}_missing": missing}
    given = {key: values[key] for key in array_names(level)}
    converted = half(graph)
    expected, found = (open_session(data).run(["embedding"], given)[0] for data in (graph, converted))
    assert np.isfinite(found).all()
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()
    weights = onnx.load_from_string(converted).graph.initializer
    assert any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in weights)
