from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pytest
import torch
from random_jets import CLASSES, LEVEL, as_awkward, random_jets, write_random_shards
from typer.testing import CliRunner

from coffea_fm.bundle import load_bundle
from coffea_fm.bundle.manifest import Provenance
from coffea_fm.cli import main
from coffea_fm.errors import InputError
from coffea_fm.export import check, export_checkpoint, export_model
from coffea_fm.export.ranges import with_trained_ranges
from coffea_fm.inference.loading import load
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import make_inputs
from coffea_fm.nn.checkpoint import NetworkConfig, save_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHeadConfig

NETWORK = NetworkConfig(
    level=LEVEL, backbone=SetTransformerConfig(size="tiny"), head=ClassificationHeadConfig(), classes=CLASSES
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of untrained weights, and the shards that it names."""
    folder = tmp_path_factory.mktemp("run")
    shards = write_random_shards(folder / "train", (60, 40))
    torch.manual_seed(0)
    network = NETWORK.build().eval()
    about = {"recipe": {"name": "tiny"}, "data": str(shards), "seed": 7, "seen": 100, "metrics": {"accuracy": 0.5}}
    save_checkpoint(folder / "best", network.state_dict(), NETWORK, about)
    return folder / "best", network


def test_tagger_of_the_bundle_scores_as_torch_does(checkpoint, tmp_path):
    folder, network = checkpoint
    export_checkpoint(folder, tmp_path / "bundle", card="# Card\n")
    packed = random_jets(60, seed=0, wide=0)[0].take(np.arange(20))  # of the training data: in its range
    with torch.no_grad():
        expected = torch.softmax(network(make_inputs(packed, LEVEL, 4096)), dim=-1).numpy()
    scores = load(tmp_path / "bundle")(as_awkward(packed))
    for index, name in enumerate(CLASSES):
        np.testing.assert_allclose(ak.to_numpy(scores[name]), expected[:, index], atol=1e-5)
    assert (tmp_path / "bundle" / "README.md").read_text() == "# Card\n"


def test_manifest_tells_what_is_known(checkpoint, tmp_path):
    export_checkpoint(checkpoint[0], tmp_path / "tagger-1", temperature=1.5)
    bundle = load_bundle(tmp_path / "tagger-1")
    manifest = bundle.manifest
    assert manifest.name == "tagger-1"
    assert manifest.output("scores").classes == CLASSES
    assert manifest.output("embedding").dim == 32
    assert manifest.check.maximal_difference < 1e-5
    assert manifest.provenance.recipe["name"] == "tiny"
    assert manifest.provenance.seed == 7
    assert manifest.provenance.data["validation"] == {"accuracy": 0.5}
    assert {"torch", "onnxruntime"} <= set(manifest.provenance.versions)
    assert bundle.calibration.temperature == 1.5
    low, high = manifest.level.fields[0].trained
    assert (low, high) == (510.0, 1000.0)
    card = (tmp_path / "tagger-1" / "README.md").read_text()
    assert "`d0_error` | mm" in card
    assert "narrow, wide" in card


def test_trained_ranges_are_rounded_outwards_and_angles_have_none():
    jets = random_jets(3)[0]
    jets.values[:] = [[512.3, -1.99, 3.0, 0.0], [600.0, 0.0, 0.0, 80.2], [999.1, 1.234, -3.0, 21.0]]
    fields = with_trained_ranges(LEVEL, jets).fields
    assert [field.trained for field in fields] == [(510.0, 1000.0), (-2.0, 1.3), None, (0.0, 81.0)]


def test_nothing_is_written_when_the_check_fails(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(check.check_graphs, "__kwdefaults__", {"temperature": 1.0, "tolerance": 0.0})
    with pytest.raises(ValueError, match="differs from torch"):
        export_model(checkpoint[1], random_jets(10)[0], tmp_path / "bundle", provenance=Provenance())
    assert not (tmp_path / "bundle").exists()


def test_data_that_is_not_there_is_named(checkpoint, tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist: give a folder of shards"):
        export_checkpoint(checkpoint[0], tmp_path / "bundle", data=tmp_path / "nowhere")


def test_command(checkpoint, tmp_path):
    output = tmp_path / "bundle"
    result = CliRunner().invoke(main, ["export", str(checkpoint[0]), "--output", str(output), "--json"])
    assert result.exit_code == 0, result.output
    account = json.loads(result.output)
    assert account["checksum"] == load_bundle(output).checksum
    assert account["maximal_difference"] < 1e-5
    missing = ["export", str(checkpoint[0]), "--output", str(output), "--card", str(tmp_path / "none.md")]
    result = CliRunner().invoke(main, missing)
    assert result.exit_code == 1
    assert "cannot read the model card" in result.output
