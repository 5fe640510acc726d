"""Bundles of events: what onnxruntime gives is what torch gives, and the check finds what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import onnx
import pytest
import torch
from random_events import CLASSES, EVENTS, JETS, random_events, write_random_events
from random_jets import as_awkward

import coffea_fm
from coffea_fm.bundle.manifest import Provenance
from coffea_fm.errors import InputWarning
from coffea_fm.export import ExportError, check_graphs, export_checkpoint, export_model, make_graphs
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import make_inputs
from coffea_fm.nn.checkpoint import NetworkConfig, save_checkpoint
from coffea_fm.nn.heads import HeadConfig, JetHeadConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.heads.deep_sets import DeepSetsConfig
from coffea_fm.nn.heads.event_transformer import EventTransformerConfig
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level, Packed

TINY = SetTransformerConfig(size="tiny")
PART = ParticleTransformerConfig(dim=16, embed=(16,), pair_hidden=(8,), layers=2, class_layers=1, heads=2)
DEEP_SETS = DeepSetsConfig(hidden=(16, 16), reads=("scores", "embedding"))
TRANSFORMER = EventTransformerConfig(dim=16, heads=2, layers=2, pair_bias=True)
JET_HEAD = JetHeadConfig(config=ClassificationHeadConfig(hidden=(8,)), classes=("QCD", "Hbb", "Hcc"))


def build(backbone: object, head: HeadConfig, level: Level = EVENTS) -> Model:
    torch.manual_seed(0)
    config = {"level": level, "backbone": backbone, "head": head, "classes": CLASSES, "jet_head": JET_HEAD}
    model = NetworkConfig.model_validate(config).build()
    for name, parameter in model.head.named_parameters():
        if "jet_head" not in name:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture(scope="module")
def events() -> Packed:
    return random_events(80)[0]


def awkward_events(events: Packed) -> ak.Array:
    jets = events.members["FatJet"]
    return ak.unflatten(as_awkward(jets.things, JETS), jets.counts)


def probabilities(model: Model, events: Packed, temperature: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        return torch.softmax(model.eval()(make_inputs(events, model.level, 500)) / temperature, dim=-1)


@pytest.mark.parametrize(("backbone", "head"), [(TINY, DEEP_SETS), (TINY, TRANSFORMER), (PART, DEEP_SETS)])
def test_the_bundle_scores_as_torch_does(backbone: object, head: HeadConfig, events: Packed, tmp_path: Path) -> None:
    model = build(backbone, head)
    manifest = export_model(model, events, tmp_path / "bundle", provenance=Provenance(), temperature=1.3)
    assert model.training
    assert manifest.check is not None
    assert manifest.check.maximal_difference < 2e-5
    assert manifest.check.cases > 50
    assert [graph.file for graph in manifest.graphs] == ["backbone.onnx", "head.onnx"]
    expected = probabilities(model, events, 1.3)
    tagger = coffea_fm.load(tmp_path / "bundle")
    jets = awkward_events(events)
    scores = tagger(jets, FatJet=jets)
    assert scores.fields == list(CLASSES)
    np.testing.assert_allclose(ak.to_numpy(scores.signal), expected[:, 1], atol=1e-5)
    embedding = tagger.embed(jets)
    np.testing.assert_allclose(ak.to_numpy(tagger.score(embedding, jets).signal), expected[:, 1], atol=1e-5)


@pytest.fixture(scope="module")
def bundle(events: Packed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "events"
    export_model(build(TINY, DEEP_SETS), events, folder, provenance=Provenance())
    return folder


def test_the_manifest_names_the_jets_and_their_ranges(bundle: Path) -> None:
    manifest = coffea_fm.load(bundle).manifest
    (jets,) = manifest.level.members
    assert (jets.name, jets.order, jets.minimum, jets.maximum) == ("FatJet", "pt", 2, 4)
    assert dict(zip(jets.names, (field.trained for field in jets.fields), strict=True)) == {
        "pt_raw": (500.0, 1000.0),
        "mass_raw": (20.0, 200.0),
        "pt": (500.0, 1000.0),
        "eta": (-2.0, 2.0),
        "phi": None,
        "mass": (20.0, 200.0),
        "msoftdrop": (10.0, 150.0),
    }
    assert manifest.output("scores").level == "event"
    card = (bundle / "README.md").read_text()
    assert "The first 4 FatJet by pt are read of each event; with fewer than 2" in card
    assert "`scores`, 2 numbers for each of event: background, signal" in card


def test_a_graph_of_other_weights_is_refused(events: Packed) -> None:
    model = build(TINY, TRANSFORMER)
    graphs = make_graphs(model)
    for graph in graphs:
        proto = onnx.load_from_string(graphs[graph])
        for weights in proto.graph.initializer:
            array = onnx.numpy_helper.to_array(weights)
            if array.ndim == 2 and array.dtype == np.float32:
                weights.CopyFrom(onnx.numpy_helper.from_array(array * np.float32(1.05), weights.name))
        with pytest.raises(ExportError, match="differs from torch"):
            check_graphs(graphs | {graph: proto.SerializeToString()}, model, events)


def test_a_head_that_depends_on_order_or_padding_is_refused(events: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(TINY, DEEP_SETS)
    logits = type(model.head).logits

    def by_position(self: torch.nn.Module, inputs: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return logits(self, inputs, *rest) + inputs[:, 0].sum(dim=-1, keepdim=True) * torch.tensor([0.0, 1.0])

    monkeypatch.setattr(type(model.head), "logits", by_position)
    with pytest.raises(ExportError, match=r"scores of .* differs from torch"):
        check_graphs(make_graphs(model), model, events)


def test_jets_called_otherwise_are_warned_of(events: Packed, bundle: Path) -> None:
    tagger = coffea_fm.load(bundle)
    small = ak.with_parameter(awkward_events(events), "collection_name", "Jet")
    with pytest.warns(InputWarning, match="trained on jets called FatJet, and these are called Jet"):
        tagger(small, FatJet=small)


def test_jets_of_another_range_are_counted_and_scored(events: Packed, bundle: Path) -> None:
    tagger = coffea_fm.load(bundle)
    jets = awkward_events(events)
    hard = ak.with_field(jets, jets.pt * 1.5, "pt")
    with pytest.warns(InputWarning, match="FatJet.pt of .* is outside the range 500 to 1000"):
        scores = tagger(hard, FatJet=hard)
    counts = coffea_fm.report(scores).counts
    assert counts["out_of_range"] == ak.sum(ak.any(hard.pt > 1000, axis=1)) > 0
    assert np.isfinite(ak.to_numpy(scores.signal)).all()


def test_embeddings_alone_can_be_read(events: Packed, tmp_path: Path) -> None:
    """A head that reads no field of the jets, in the order in which they are given."""
    bare = replace(EVENTS, members=(replace(JETS, order="stored"),))
    model = build(TINY, DeepSetsConfig(hidden=(8,), fields=()), bare)
    export_model(model, events, tmp_path / "bare", provenance=Provenance())
    jets = awkward_events(events)
    scores = coffea_fm.load(tmp_path / "bare")(jets, FatJet=jets)
    np.testing.assert_allclose(ak.to_numpy(scores.signal), probabilities(model, events)[:, 1], atol=1e-5)


def test_a_checkpoint_of_events_is_exported_with_its_shards(tmp_path: Path) -> None:
    network = NetworkConfig(level=EVENTS, backbone=TINY, head=DeepSetsConfig(hidden=(8,)), classes=CLASSES)
    torch.manual_seed(0)
    shards = write_random_events(tmp_path / "shards", (30, 20))
    save_checkpoint(tmp_path / "best", network.build().state_dict(), network, {"data": str(shards), "seen": 50})
    manifest = export_checkpoint(tmp_path / "best", tmp_path / "events")
    assert manifest.provenance.data["seen"] == 50
    assert manifest.level.members[0].fields[0].trained is not None
    assert [output.level for output in manifest.outputs] == ["event", "FatJet"]
