from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest
import torch
from random_events import EVENTS, random_events
from random_jets import LEVEL

from coffea_fm.errors import CoffeaFMError, InputError
from coffea_fm.export.cases import BATCHES, cases
from coffea_fm.export.check import ExportError, check_graphs
from coffea_fm.export.graphs import make_graphs


def test_every_network_passes(model, jets):
    check = check_graphs(make_graphs(model), model, jets)
    assert 0 < check.maximal_difference < 3e-5
    assert check.tolerance == 1e-4
    assert check.cases == len(list(cases(jets, LEVEL)))


def test_cases_cover_all_sizes(jets):
    sizes, lengths = set(), set()
    for case in cases(jets, LEVEL):
        sizes.add(len(case.packed))
        lengths |= set(case.packed.members["constituents"].counts.tolist())
    assert set(BATCHES) <= sizes
    assert {0, 1, 2, LEVEL.members[0].maximum} <= lengths
    assert len(lengths) > 60


def test_other_weights_are_found(tiny, jets):
    other = copy.deepcopy(tiny)
    with torch.no_grad():
        other.backbone.norm.weight[3] += 3e-3
    with pytest.raises(ExportError, match=r"embedding of .* differs from torch by 0\.00"):
        check_graphs(make_graphs(other), tiny, jets)
    assert issubclass(ExportError, CoffeaFMError)


def test_another_temperature_is_found(tiny, jets):
    with pytest.raises(ExportError, match="scores of"):
        check_graphs(make_graphs(tiny, temperature=2.0), tiny, jets)


def test_a_batch_axis_that_was_baked_in_is_found(tiny, jets):
    graphs = make_graphs(tiny)
    proto = onnx.load_from_string(graphs["head"])
    node = next(node for node in proto.graph.node if node.op_type == "Softmax")
    node.attribute[0].i = 0
    with pytest.raises(ExportError, match="scores of"):
        check_graphs(graphs | {"head": proto.SerializeToString()}, tiny, jets)


def test_a_swallowed_nan_is_found(tiny, jets):
    """A graph that cleans its inputs gives a number where there is none."""
    graphs = make_graphs(tiny)
    proto = onnx.load_from_string(graphs["backbone"])
    for node in proto.graph.node:
        for index, name in enumerate(node.input):
            if name == "constituents":
                node.input[index] = "cleaned"
    zero = onnx.helper.make_tensor("zero", onnx.TensorProto.FLOAT, [], [0.0])
    proto.graph.initializer.append(zero)
    proto.graph.node.insert(0, onnx.helper.make_node("Where", ["bad", "zero", "constituents"], ["cleaned"]))
    proto.graph.node.insert(0, onnx.helper.make_node("IsNaN", ["constituents"], ["bad"]))
    with pytest.raises(ExportError, match="nan in each field of constituents is finite"):
        check_graphs(graphs | {"backbone": proto.SerializeToString()}, tiny, jets)


def test_a_spreading_nan_is_found(tiny, jets):
    """A graph that adds the mean over the batch lets one jet spoil the others."""
    graphs = make_graphs(tiny)
    proto = onnx.load_from_string(graphs["backbone"])
    last = next(node for node in proto.graph.node if "embedding" in node.output)
    last.output[list(last.output).index("embedding")] = "own"
    axes = onnx.helper.make_tensor("batch_axis", onnx.TensorProto.INT64, [1], [0])
    small = onnx.helper.make_tensor("small", onnx.TensorProto.FLOAT, [], [1e-6])
    proto.graph.initializer.extend([axes, small])
    proto.graph.node.extend(
        [
            onnx.helper.make_node("ReduceMean", ["own", "batch_axis"], ["mean"], keepdims=1),
            onnx.helper.make_node("Mul", ["mean", "small"], ["leak"]),
            onnx.helper.make_node("Add", ["own", "leak"], ["embedding"]),
        ]
    )
    with pytest.raises(ExportError, match="not finite where all inputs are"):
        check_graphs(graphs | {"backbone": proto.SerializeToString()}, tiny, jets)


def test_jets_without_constituents_are_refused(tiny, jets):
    empty = jets.take(np.array([], dtype=np.int64))
    with pytest.raises(InputError, match="no constituents"):
        check_graphs(make_graphs(tiny), tiny, empty)


def test_a_graph_that_depends_on_order_or_padding_is_found(tiny, jets, monkeypatch):
    """Torch and onnxruntime agree where members stand where they should."""
    forward = type(tiny.backbone).forward

    def by_position(self, inputs, replace=None):
        output = forward(self, inputs, replace)
        return output._replace(embedding=output.embedding + 1e-3 * output.token_vectors[:, 0])

    monkeypatch.setattr(type(tiny.backbone), "forward", by_position)
    with pytest.raises(ExportError, match=r"embedding of .* differs from torch by"):
        check_graphs(make_graphs(tiny), tiny, jets)


def test_every_kind_of_thing_that_breaks_graphs_is_in_the_cases_of_each_level():
    events, _ = random_events(20)
    names = [(case.level.name, case.name) for case in cases(events, EVENTS)]
    for value in ("nan", "inf"):
        assert ("FatJet", f"{value} in each field of constituents") in names
        assert ("FatJet", f"{value} in each field of FatJet") in names
        assert ("event", f"{value} in each field of FatJet") in names
    assert ("FatJet", "a batch of 2 FatJets with 0 constituents each") in names
    assert ("event", "a batch of 64 events with FatJet of different numbers") in names
    for case in cases(events, EVENTS):
        assert len(case.undefined) == len(case.packed)
        assert np.isfinite(case.packed.values).all() or case.undefined.any()
