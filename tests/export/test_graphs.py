from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from random_jets import LEVEL

from coffea_fm.export.graphs import OPSET, make_graphs
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import pad


def run(graph, arrays):
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, arrays)


def test_names_types_and_axes_are_those_of_the_contract(tiny):
    graphs = {name: onnx.load_from_string(graph) for name, graph in make_graphs(tiny).items()}
    described = {}
    for name, proto in graphs.items():
        onnx.checker.check_model(proto)
        assert [opset.version for opset in proto.opset_import] == [OPSET]
        for entry in (*proto.graph.input, *proto.graph.output):
            tensor = entry.type.tensor_type
            shape = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
            described[name, entry.name] = onnx.TensorProto.DataType.Name(tensor.elem_type), shape
    assert described == {
        ("backbone", "constituents"): ("FLOAT", ["jet", "constituents", 10]),
        ("backbone", "constituents_mask"): ("BOOL", ["jet", "constituents"]),
        ("backbone", "constituents_missing"): ("BOOL", ["jet", "constituents", 4]),
        ("backbone", "jet"): ("FLOAT", ["jet", 4]),
        ("backbone", "embedding"): ("FLOAT", ["jet", tiny.backbone.dim]),
        ("head", "embedding"): ("FLOAT", ["jet", tiny.backbone.dim]),
        ("head", "scores"): ("FLOAT", ["jet", 2]),
    }


def test_description_of_the_inputs_is_in_the_metadata(tiny):
    proto = onnx.load_from_string(make_graphs(tiny)["backbone"])
    description = json.loads({entry.key: entry.value for entry in proto.metadata_props}["coffea_fm"])
    assert [field["name"] for field in description["members"][0]["fields"]] == list(LEVEL.members[0].names)
    assert [field["unit"] for field in description["fields"]] == ["GeV", "1", "rad", "GeV"]


def test_token_vectors_on_request(model, jets):
    arrays = pad(jets.take(np.arange(6)), LEVEL)
    embedding, vectors = run(make_graphs(model, token_vectors=True)["backbone"], arrays)
    with torch.no_grad():
        expected = model.backbone(Inputs.from_arrays(arrays, LEVEL))
    np.testing.assert_allclose(embedding, expected.embedding, atol=1e-5)
    np.testing.assert_allclose(vectors, expected.token_vectors, atol=5e-5)


def test_temperature_divides_the_logits(tiny):
    graph = make_graphs(tiny, temperature=2.5)["head"]
    embedding = np.random.default_rng(0).normal(size=(5, tiny.backbone.dim)).astype(np.float32)
    with torch.no_grad():
        expected = torch.softmax(tiny.head(torch.from_numpy(embedding)) / 2.5, dim=-1)
    np.testing.assert_allclose(run(graph, {"embedding": embedding})[0], expected, atol=1e-6)


def test_same_network_same_bytes_and_mode_is_kept(tiny):
    tiny.train()
    first = make_graphs(tiny)
    assert tiny.training
    tiny.eval()
    assert make_graphs(tiny) == first


@pytest.mark.parametrize(
    "backbone",
    [
        ParticleTransformerConfig(dim=16, embed=(16,), pair_hidden=(8,), layers=1, class_layers=1, heads=2),
        SetTransformerConfig(size="tiny", pair_bias=True),
    ],
)
def test_transformers_have_no_branches(backbone):
    model = NetworkConfig(level=LEVEL, backbone=backbone).build()
    graph = onnx.load_from_string(make_graphs(model)["backbone"]).graph
    found = {node.op_type for node in graph.node}
    assert not found & {"If", "Loop"}  # they stop converters to half precision
