"""Generate jets from checkpoints, and compare them with real ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from random_jets import CLASSES, FIELDS, write_random_shards
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.cli import main
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.training.generation.comparison import Comparison, distance
from coffea_fm.training.generation.load import load_generator
from coffea_fm.training.generation.substructure import OBSERVABLES

ENCODER = {"kind": "set-transformer", "dim": 8, "layers": 1, "heads": 2, "registers": 1}
MOMENTA = ["pt", "eta", "phi"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards, and the runs of a tokenizer, ``omnijet`` and ``next-token`` (with and without all that it reads)."""
    folder = tmp_path_factory.mktemp("generation")
    write_random_shards(folder / "train", (60, 60))
    write_random_shards(folder / "validation", (150, 150), seed=50)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train(folder, "codes", ENCODER, {"kind": "vq-vae", "fields": MOMENTA, "codebook": {"codes": 32, "latent": 3}})
    code = {
        "kind": "code-transformer",
        "dim": 16,
        "layers": 1,
        "heads": 2,
        "encoder": ENCODER,
        "codes": 32,
        "latent": 3,
    }
    train(folder, "omni", code, {"kind": "omnijet", "classes": 2, "tokenizer": str(folder / "runs" / "codes" / "best")})
    causal = {"kind": "set-transformer", "dim": 16, "layers": 1, "heads": 2, "causal": True, "embedding": "mean"}
    fields = [*MOMENTA, "d0", "d0_error", "dz", "dz_error"]
    train(folder, "next", causal, {"kind": "next-token", "codes": 32, "fields": fields})
    train(folder, "blind", causal, {"kind": "next-token", "codes": 8})
    torch.set_num_threads(threads)
    return folder


def train(folder: Path, name: str, backbone: dict[str, Any], method: dict[str, Any]) -> None:
    recipe = {
        "name": name,
        "inputs": {"fields": list(FIELDS)},
        "backbone": backbone,
        "method": method,
        "training": {"seen": 60, "batch_tokens": 1000, "ema": 0.5, "lr": 5e-3, "precision": "fp32"},
        "data": {"train": str(folder / "train"), "validation": str(folder / "train")},
    }
    recipe["training"]["validate_every"] = 60
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    coffea_fm.pretrain(folder / "recipe.yaml", folder / "runs", show_progress=False)


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    """What the command says of 140 jets in ``jets``, compared with real ones."""
    command = ["generate", str(best(folder, "next")), "-o", str(folder / "jets"), "--jets", "140"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coffea_fm.plots.style.DPI", 30)  # drawing takes longer than everything else
        answer = CliRunner().invoke(main, [*command, "--data", str(folder / "validation"), "--json"])
    assert answer.exit_code == 0, answer.output
    summary: dict[str, Any] = json.loads(answer.stdout)
    return summary


def best(folder: Path, name: str) -> Path:
    return folder / "runs" / name / "best"


def test_jets_of_codes_are_written_as_shards(folder: Path, tmp_path: Path) -> None:
    result = coffea_fm.generate(best(folder, "omni"), tmp_path / "first", 30, batch_size=20)
    data = ShardDataset(tmp_path / "first")
    (packed, columns) = data.read(data.row_groups)
    assert result.jets == len(packed) == 30
    assert result.comparisons == {}
    assert data.classes == CLASSES
    np.testing.assert_array_equal(np.bincount(columns["target"]), [15, 15])
    tokens = packed.members["constituents"]
    assert data.level.members[0].names == ("pt", "eta", "phi", "mass")
    assert tokens.counts.min() >= 1
    assert tokens.counts.max() <= 128
    pt = tokens.things.values[:, 0]
    assert (pt > 0).all()
    assert all((np.diff(part) <= 0).all() for part in np.split(pt, tokens.offsets[1:-1]))
    coffea_fm.generate(best(folder, "omni"), tmp_path / "again", 30, batch_size=20)
    coffea_fm.generate(best(folder, "omni"), tmp_path / "other", 30, batch_size=20, seed=1)
    again, other = (ShardDataset(tmp_path / name) for name in ("again", "other"))
    np.testing.assert_array_equal(again.read(again.row_groups)[0].values, packed.values)
    assert not np.array_equal(other.read(other.row_groups)[0].values, packed.values)


def test_the_command_compares_with_real_jets(folder: Path, told: dict[str, Any]) -> None:
    assert set(told["comparisons"]) == {"all"}  # the classes have less than 100 jets each
    distances = told["comparisons"]["all"]["distances"]
    assert set(distances) == set(OBSERVABLES)
    for name, row in distances.items():
        assert set(row) == {"real", "decoded", "generated"}
        assert all(entry["error"] > 0 for entry in row.values()), name
    assert distances["multiplicity"]["decoded"] == distances["multiplicity"]["real"]  # decoding keeps all particles
    assert (folder / "jets" / "generated_all.png").stat().st_size > 10_000
    assert "Jet mass [GeV]" in (folder / "jets" / "comparison.md").read_text()
    data = ShardDataset(folder / "jets")
    packed, columns = data.read(data.row_groups)
    names = data.level.members[0].names
    assert {"charge", "pdgId", "d0", "dz_error"} <= set(names)
    assert len(np.unique(columns["target"])) == 2
    things = packed.members["constituents"].things
    neutral = things.values[:, names.index("charge")] == 0
    np.testing.assert_array_equal(things.missing.all(axis=1), neutral)


@pytest.mark.usefixtures("told")
def test_generated_jets_train_a_tagger(folder: Path, tmp_path: Path) -> None:
    """The rest of the house reads them like any other shards."""
    recipe = {
        "name": "tagger",
        "inputs": {"fields": list(FIELDS)},
        "backbone": ENCODER,
        "method": {"kind": "supervised"},
        "training": {"seen": 60, "batch_tokens": 1000, "precision": "fp32"},
        "data": {"train": str(folder / "jets"), "validation": str(folder / "validation")},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert coffea_fm.pretrain(tmp_path / "recipe.yaml", tmp_path / "runs", show_progress=False).finished


def test_a_loaded_generator_is_the_trained_one(folder: Path) -> None:
    """The tokenizer is in the checkpoint, so its own folder may be gone."""
    method, classes = load_generator(best(folder, "omni"))
    assert classes == CLASSES
    assert method.config.tokenizer == best(folder, "omni") / "tokenizer"
    assert not method.training
    model, _ = load_checkpoint(best(folder, "omni"))
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, method.model.state_dict()[name])
    table = method.tokenizer.codebook.table()
    torch.testing.assert_close(method.backbone.table, table)
    method.start_from(best(folder, "omni"))
    for parameter in method.tokenizer.parameters():
        parameter.data += 0.1
    with pytest.raises(RecipeError, match=r"method\.tokenizer is not the one of .*best: set it to"):
        method.start_from(best(folder, "omni"))


def test_a_network_that_reads_codes_is_fine_tuned_and_exported(folder: Path, tmp_path: Path) -> None:
    """It reads raw constituents, and what makes its codes does not change."""
    recipe = yaml.safe_load((folder / "runs" / "omni" / "recipe.yaml").read_text())
    recipe |= {"name": "tagger", "method": {"kind": "supervised"}, "head": {"kind": "classification"}}
    recipe["start"] = {"mode": "full", "checkpoint": str(best(folder, "omni"))}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    tuned = coffea_fm.finetune(tmp_path / "recipe.yaml", tmp_path, show_progress=False).best
    (before, _), (after, _) = load_checkpoint(best(folder, "omni")), load_checkpoint(tuned)
    ours, theirs = after.backbone.state_dict(), before.backbone.state_dict()
    frozen = {name for name in theirs if name.startswith(("encoder.", "to_latent.", "table"))}
    assert {name for name in theirs if torch.equal(ours[name], theirs[name])} == frozen
    coffea_fm.export(tuned, tmp_path / "bundle", data=folder / "validation")
    assert {output.name for output in coffea_fm.load(tmp_path / "bundle").outputs} >= {"scores", "embedding"}


def test_what_cannot_be_generated_says_why(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(best(folder, "next"), tmp_path / "plain")
    (tmp_path / "plain" / "generator.json").unlink()
    with pytest.raises(InputError, match=r"cannot generate jets, as its method is no generator"):
        coffea_fm.generate(tmp_path / "plain", tmp_path / "no")
    with pytest.raises(InputError, match="of given momenta: give a folder of shards"):
        coffea_fm.generate(best(folder, "next"), tmp_path / "no")
    line = r"write 'fields: \[pt, eta, phi, d0, d0_error, dz, dz_error\]' in the section method of its recipe .* train again"
    with pytest.raises(RecipeError, match=rf"reads d0, d0_error, dz, dz_error of each particle.*{line}"):
        coffea_fm.generate(best(folder, "blind"), tmp_path / "no", 10, data=folder / "validation")
    assert not (tmp_path / "no").exists()
    coffea_fm.generate(best(folder, "omni"), tmp_path / "twice", 5)
    with pytest.raises(RecipeError, match="already holds shards"):
        coffea_fm.generate(best(folder, "omni"), tmp_path / "twice", 5)


def test_distances() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 4000), rng.normal(0.5, 1, 4000)
    shifted = distance(first, second)
    assert abs(shifted.value - 0.5) < 4 * shifted.error
    assert 0.01 < shifted.error < 0.04  # that of a difference of means: sqrt(2 / 4000) = 0.022
    assert distance(first, np.append(first, np.nan)).value == 0
    with pytest.raises(InputError, match="there is no jet with this observable"):
        distance(first, np.full(3, np.nan))


def test_the_table_has_a_row_for_each_observable() -> None:
    rng = np.random.default_rng(0)
    jets = [{name: rng.normal(size=200) for name in OBSERVABLES} for _ in range(3)]
    comparison = Comparison.of(jets[0], {"real": jets[1], "generated": jets[2]})
    lines = comparison.table().splitlines()
    assert lines[0] == "| | real (200) | generated (200) |"
    assert len(lines) == 2 + len(OBSERVABLES)
