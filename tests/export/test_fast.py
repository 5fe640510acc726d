from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from random_jets import CLASSES, LEVEL, random_jets

import coffea_fm
from coffea_fm.bundle import Provenance, load_bundle
from coffea_fm.errors import BundleError, InputError
from coffea_fm.export import export_model
from coffea_fm.export import fast as fast_module
from coffea_fm.export.fast import make_fast
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.shards import Source, write_shard


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    packed = random_jets(300)[0]
    target = np.arange(len(packed)) % len(CLASSES)
    source = Source(dataset="test", file="a", start=0, stop=len(packed))
    write_shard(folder / source.shard_name, packed, LEVEL, columns={"target": target}, classes=CLASSES, source=source)
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, shards) -> Path:
    config = SetTransformerConfig(dim=32, layers=2, heads=2)
    head = ClassificationHeadConfig()
    model = NetworkConfig(level=LEVEL, backbone=config, head=head, classes=CLASSES).build().eval()
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    export_model(model, random_jets(50)[0], folder, provenance=Provenance(), card="")
    checksum = load_bundle(folder).checksum
    make_fast(folder, shards)
    assert load_bundle(folder).checksum == checksum
    return folder


def test_the_products_of_the_variant_are_in_integers_and_the_model_is_unchanged(bundle):
    full, fast = load_bundle(bundle), load_bundle(bundle, precision="fast")
    assert fast.checksum != full.checksum
    kinds = {
        name: {node.op_type for node in onnx.load_from_string(loaded.graphs["backbone"]).graph.node}
        for name, loaded in (("full", full), ("fast", fast))
    }
    assert "MatMulIntegerToFloat" in kinds["fast"] - kinds["full"]
    assert fast.graphs["head"] == full.graphs["head"]


def test_scores_are_nearly_the_same_and_as_recorded(bundle, jets):
    level = load_bundle(bundle).manifest.level
    found = {
        precision: coffea_fm.load(bundle, precision=precision).chain.run(jets, level, ("scores",))["scores"]
        for precision in ("full", "fast")
    }
    difference = np.nanmax(np.abs(found["full"] - found["fast"]))
    assert 0 < difference < 0.05
    check = load_bundle(bundle).manifest.variants[0].check
    assert check.rechunked < 1e-5
    assert 0 < check.mean < check.largest < 0.05
    assert set(check.auc) == set(CLASSES[1:])


def test_a_worker_finds_the_variant_by_its_checksum(bundle):
    fast = load_bundle(bundle, precision="fast")
    assert load_bundle(bundle, checksum=fast.checksum).graphs == fast.graphs


def test_a_jet_does_not_depend_on_its_batch(bundle, jets):
    chain = coffea_fm.load(bundle, precision="fast").chain
    level = chain.manifest.level
    together = chain.run(jets, level, ("scores",))["scores"]
    alone = np.concatenate(
        [chain.run(jets.take(np.array([at])), level, ("scores",))["scores"] for at in range(len(jets))]
    )
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_the_scales_are_those_of_tokens_and_not_of_padding(bundle, shards, monkeypatch):
    masks = []

    class Watching(fast_module.Recorder):
        def run(self, outputs, arrays):
            masks.append(arrays["constituents_mask"])
            return super().run(outputs, arrays)

    monkeypatch.setattr(fast_module, "Recorder", Watching)
    make_fast(bundle, shards)
    assert len(masks) == 75  # a quarter of the jets, one by one
    assert all(mask.all() for mask in masks)


def test_an_edited_variant_is_refused(bundle, tmp_path):
    copy = tmp_path / "tiny"
    copy.mkdir()
    for file in bundle.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["variants"][0]["check"]["largest"] = 0.0
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="edited or damaged"):
        load_bundle(copy)


def test_a_bundle_without_the_variant_says_how_to_make_it():
    with pytest.raises(BundleError, match="coffea-fm fast BUNDLE DATA"):
        coffea_fm.load("jet-classifier-small", precision="fast")


def test_an_unknown_precision_is_refused(bundle):
    with pytest.raises(InputError, match="choose 'full' or 'fast'"):
        coffea_fm.load(bundle, precision="fp8")
