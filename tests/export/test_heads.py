"""Bundles without a head, and with each kind of it."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import torch
from random_jets import CLASSES, LEVEL, as_awkward, random_jets
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.bundle.manifest import Provenance
from coffea_fm.cli import main
from coffea_fm.errors import BundleError, RecipeError
from coffea_fm.export import export_model
from coffea_fm.export.graphs import make_graphs
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import make_inputs
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads import HeadConfig
from coffea_fm.nn.heads.pairs import PairHeadConfig
from coffea_fm.nn.heads.regression import RegressionHeadConfig
from coffea_fm.nn.heads.tokens import TokenHeadConfig
from coffea_fm.nn.model import Model

TOKENS = TokenHeadConfig(truth="truthOrigin", classes=("primary", "b", "c"))
MASS = RegressionHeadConfig(targets=("mass",))


def build(head: HeadConfig | None) -> Model:
    config = NetworkConfig(level=LEVEL, backbone=SetTransformerConfig(size="tiny"), head=head, classes=CLASSES)
    return config.build()


@pytest.fixture
def bundle(tmp_path):
    """Writes the bundle of an untrained network with such a head, and gives network and tagger."""

    def make(head: HeadConfig | None) -> tuple[Model, coffea_fm.Tagger]:
        torch.manual_seed(0)
        model = build(head).eval()
        if head == MASS:
            model.head.mean.fill_(90.0)
            model.head.deviation.fill_(30.0)
        name = f"bundle-{head.kind if head else 'headless'}-{tmp_path.name}"
        export_model(model, random_jets(50)[0], tmp_path / name, provenance=Provenance())
        return model, coffea_fm.load(tmp_path / name)

    return make


def network_outputs(model, packed):
    with torch.no_grad():
        known = model.known(make_inputs(packed, LEVEL, 4096))
        return known, None if model.head is None else model.head(*(known[name] for name in model.head.reads))


def test_headless_bundle_gives_the_embedding(bundle):
    model, tagger = bundle(None)
    packed = random_jets(50)[0]
    expected = network_outputs(model, packed)[0]["embedding"]
    jets = as_awkward(packed)
    np.testing.assert_allclose(ak.to_numpy(tagger(jets)), expected, atol=1e-5)
    assert [graph.file for graph in tagger.manifest.graphs] == ["backbone.onnx"]
    for ask in (
        lambda: tagger(jets, "scores"),
        lambda: tagger.classes,
        lambda: tagger.score(tagger(jets)),
    ):
        with pytest.raises(BundleError, match="has no output scores: choose from embedding"):
            ask()


def test_commands_on_a_headless_bundle(bundle, tmp_path):
    _, tagger = bundle(None)
    told = CliRunner().invoke(main, ["info", tagger.source])
    assert told.exit_code == 0
    assert "gives embedding of each jet: vector of 32" in told.stdout
    refused = CliRunner().invoke(main, ["evaluate", tagger.source, "x.root", "-o", str(tmp_path / "out")])
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (1, 1)
    assert "no class scores to evaluate, only embedding" in refused.stderr


def test_regression_is_in_the_units_of_its_target(bundle):
    model, tagger = bundle(MASS)
    packed = random_jets(50)[0]
    expected = 90 + 30 * network_outputs(model, packed)[1][:, 0]
    found = tagger(as_awkward(packed))
    assert found.fields == ["mass"]
    np.testing.assert_allclose(ak.to_numpy(found.mass), expected, atol=1e-3)


def test_scores_of_tokens_are_in_the_layout_of_the_constituents(bundle):
    model, tagger = bundle(TOKENS)
    packed = random_jets(50)[0]
    expected = network_outputs(model, packed)[1].softmax(dim=-1)[..., 1].numpy()
    jets = as_awkward(packed)
    shuffle = ak.argsort(jets.constituents.phi, axis=-1)
    events = ak.unflatten(ak.with_field(jets, jets.constituents[shuffle], "constituents"), [20, 0, 30])
    scores = tagger(events)
    assert str(scores.type) == "3 * var * var * {primary: float32, b: float32, c: float32}"
    found = ak.flatten(scores)
    back = ak.argsort(shuffle, axis=-1)
    for jet in range(50):
        given = ak.to_numpy(found.b[jet][back[jet]])
        np.testing.assert_allclose(given, expected[jet, : len(given)], atol=1e-5)


def test_tokens_that_the_model_does_not_read_score_nan(bundle):
    _, tagger = bundle(TOKENS)
    jets = as_awkward(random_jets(50)[0].take(np.arange(5)))
    long = ak.with_field(jets, ak.concatenate([jets.constituents] * 5, axis=1), "constituents")
    scores = tagger(long)
    lengths = ak.num(long.constituents)
    assert ak.any(lengths > 128)
    assert ak.num(scores).to_list() == lengths.to_list()
    assert ak.sum(np.isfinite(scores.b), axis=-1).to_list() == np.minimum(lengths, 128).tolist()
    both = tagger(long, ("token_scores", "embedding"))
    assert both.fields == ["token_scores", "embedding"]
    assert len(both.embedding) == 5


def test_pairs_are_symmetric_and_only_in_the_graphs(bundle):
    model, tagger = bundle(PairHeadConfig(truth=("x", "y"), width=8))
    packed = random_jets(6)[0]
    logits = network_outputs(model, packed)[1]
    torch.testing.assert_close(logits, logits.transpose(1, 2))
    assert tagger.manifest.output("pair_scores").pairs
    with pytest.raises(BundleError, match="per pair of constituents, which a tagger cannot return"):
        tagger(as_awkward(packed))
    assert len(tagger.embed(as_awkward(packed))) == 6


def test_a_temperature_needs_scores():
    torch.manual_seed(0)
    model = build(MASS)
    with pytest.raises(RecipeError, match="a temperature calibrates the scores of classes"):
        make_graphs(model, temperature=2.0)


def test_scores_of_tokens_of_no_jets_and_under_a_trace(bundle):
    _, tagger = bundle(TOKENS)
    jets = as_awkward(random_jets(50)[0])
    scores = tagger(jets)
    assert str(tagger(jets[:0]).type).endswith("var * {primary: float32, b: float32, c: float32}")
    traced = tagger(ak.to_backend(jets, "typetracer"))
    assert traced.layout.form.type == scores.layout.form.type
