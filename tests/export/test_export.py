from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pytest
import torch
from coffea_fm.nn.checkpoint import CheckpointConfig, build_from, save_checkpoint
from random_jets import CLASSES, FIELDS, SPEC, random_jets, write_random_shards
from typer.testing import CliRunner

from coffea_fm.bundle import load_bundle
from coffea_fm.bundle.manifest import Provenance
from coffea_fm.cli import main
from coffea_fm.errors import InputError
from coffea_fm.export.export import export_checkpoint, export_model, with_trained_ranges
from coffea_fm.inference.loading import load
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens.padding import pad
from coffea_fm.training.recipe.recipe import Recipe


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of untrained weights, and the shards that its recipe names."""
    folder = tmp_path_factory.mktemp("run")
    shards = write_random_shards(folder / "train", (60, 40))
    recipe = Recipe.model_validate(
        {
            "name": "tiny",
            "inputs": {"fields": list(FIELDS)},
            "backbone": {"kind": "set-transformer", "size": "tiny"},
            "method": {"kind": "supervised"},
            "training": {"seen": 100, "seed": 7},
            "data": {"train": str(shards), "validation": str(shards)},
        }
    )
    torch.manual_seed(0)
    network = build_from(recipe, SPEC, CLASSES).eval()
    config = CheckpointConfig(
        recipe=recipe, spec=SPEC, classes=CLASSES, step=3, seen=100, metrics={"accuracy": 0.5}
    )
    save_checkpoint(folder / "best", network.state_dict(), config)
    return folder / "best", network


def as_awkward(packed):
    tokens = packed.groups["constituents"]
    columns = {}
    for index, name in enumerate(FIELDS):
        values = ak.Array(tokens.values[:, index])
        if name in SPEC.groups[0].missing_names:
            values = ak.mask(values, ~tokens.missing[:, SPEC.groups[0].missing_names.index(name)])
        columns[name] = ak.unflatten(values, tokens.lengths)
    return ak.zip(
        dict(zip(SPEC.jet_names, packed.jet.T, strict=True)) | {"constituents": ak.zip(columns)}, depth_limit=1
    )


def test_tagger_of_the_bundle_scores_as_torch_does(checkpoint, tmp_path):
    folder, network = checkpoint
    export_checkpoint(folder, tmp_path / "bundle", card="# Card\n")
    packed = random_jets(60, seed=0, wide=0)[0].take(np.arange(20))  # of the training data: in its range
    with torch.no_grad():
        expected = torch.softmax(network(Inputs.from_arrays(pad(packed, SPEC), SPEC)), dim=-1).numpy()
    scores = load(tmp_path / "bundle")(as_awkward(packed))
    for index, name in enumerate(CLASSES):
        np.testing.assert_allclose(ak.to_numpy(scores[name]), expected[:, index], atol=1e-5)
    assert (tmp_path / "bundle" / "README.md").read_text() == "# Card\n"


def test_manifest_tells_what_is_known(checkpoint, tmp_path):
    export_checkpoint(checkpoint[0], tmp_path / "tagger-1", temperature=1.5)
    manifest = load_bundle(tmp_path / "tagger-1").manifest
    assert manifest.name == "tagger-1"
    assert manifest.output("scores").classes == CLASSES
    assert manifest.output("embedding").dim == 32
    assert manifest.check.maximal_difference < 1e-5
    assert manifest.provenance.recipe["name"] == "tiny"
    assert manifest.provenance.seed == 7
    assert manifest.provenance.data["validation"] == {"accuracy": 0.5}
    assert {"torch", "onnxruntime"} <= set(manifest.provenance.versions)
    assert manifest.calibration.temperature == 1.5
    low, high = manifest.inputs.jet[0].trained
    assert (low, high) == (510.0, 1000.0)
    card = (tmp_path / "tagger-1" / "README.md").read_text()
    assert "`d0_error` | mm" in card
    assert "narrow, wide" in card


def test_trained_ranges_are_rounded_outwards_and_angles_have_none():
    jets = random_jets(3)[0]
    jets.jet[:] = [[512.3, -1.99, 3.0, 0.0], [600.0, 0.0, 0.0, 80.2], [999.1, 1.234, -3.0, 21.0]]
    fields = with_trained_ranges(SPEC, jets).jet
    assert [field.trained for field in fields] == [(510.0, 1000.0), (-2.0, 1.3), None, (0.0, 81.0)]


def test_nothing_is_written_when_the_check_fails(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("coffea_fm.export.check.check_graphs.__kwdefaults__", {"temperature": 1.0, "tolerance": 0.0})
    with pytest.raises(ValueError, match="differ from torch"):
        export_model(checkpoint[1], SPEC, CLASSES, random_jets(10)[0], tmp_path / "bundle", provenance=Provenance())
    assert not (tmp_path / "bundle").exists()


def test_data_that_is_not_there_is_named(checkpoint, tmp_path):
    with pytest.raises(InputError, match="nowhere is not there: give a folder of shards"):
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
