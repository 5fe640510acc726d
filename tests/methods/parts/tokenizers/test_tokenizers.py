from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from padded_jets import with_tokens
from random_jets import LEVEL
from trainings import assert_same_state, stop_after
from typer.testing import CliRunner

from coffea_fm.cli import main
from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.tokenizers.inspection import code_usage, figure, inspect
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.methods.parts.tokenizers.load import load_tokenizer
from coffea_fm.methods.parts.tokenizers.vq import VQTokenizer
from coffea_fm.nn.blocks.nearest import nearest
from coffea_fm.nn.checkpoint import load_tensors
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import jet_level, pad
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.tokenizers import make_tokenizer

MakeRecipe = Callable[..., Recipe]
VQ = {
    "kind": "vq-vae",
    "codebook": {"codes": 16, "latent": 4, "replace_after": 2},
    "decoder": {"dim": 8, "heads": 2, "layers": 1},
}


@pytest.fixture
def kmeans_recipe(content: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "k-means.yaml"
    data = {name: content["data"][name] for name in ("train", "validation")}
    recipe = {"name": "kmeans", "inputs": content["inputs"], "tokenizer": {"codes": 16}, "data": data}
    path.write_text(yaml.safe_dump(recipe))
    return path


def test_known_usage() -> None:
    assert code_usage(np.array([5, 5, 0, 0, 5, 5, 0, 0])) == pytest.approx((0.5, 4.0))
    assert code_usage(np.array([7, 0])) == pytest.approx((0.5, 1.0))
    counts = np.array([1, 2, 5])
    shares = counts / 8
    assert code_usage(counts).perplexity == pytest.approx(np.prod(shares**-shares))


@pytest.mark.parametrize("number", [1, 20, 32, 70])
def test_nearest(number: int) -> None:
    vectors, centres = torch.randn(4, 130, 5) + 3, torch.randn(number, 5) + 3
    with torch.autocast("cpu", torch.bfloat16):
        got = nearest(vectors, centres)
    assert torch.equal(got, torch.cdist(vectors, centres.expand(4, -1, -1)).argmin(dim=2))


def test_kmeans_is_deterministic_and_knows_only_the_particle(train_data: ShardDataset) -> None:
    made = []
    for _ in range(2):
        made.append(KMeansTokenizer(KMeansConfig(codes=16), LEVEL))
        made[-1].fit(train_data, seed=0)
    assert torch.equal(made[0].centres, made[1].centres)
    inputs = Inputs.from_arrays(pad(train_data.read(train_data.row_groups[:1])[0], LEVEL), LEVEL)
    codes = made[0].codes(inputs)
    assert codes[inputs.tokens.mask].unique().tolist() == list(range(16))
    changed = inputs.tokens.values.clone()
    changed[:, 1:] *= 2
    assert torch.equal(made[0].codes(with_tokens(inputs, values=changed))[:, 0], codes[:, 0])


def test_the_figure_has_statistical_errors(train_data: ShardDataset) -> None:
    tokenizer = KMeansTokenizer(KMeansConfig(codes=16), LEVEL)
    tokenizer.fit(train_data, seed=0)
    seen = inspect(tokenizer, train_data)
    drawn = figure(tokenizer, seen)
    assert len(drawn.axes) == 1 + len(tokenizer.fields.names)
    codes, pt = (axes.patches for axes in drawn.axes[:2])  # pairs of a line and its band
    line, band = (patch.get_data() for patch in codes)
    np.testing.assert_array_equal(line.values, np.sort(seen.counts)[::-1])
    np.testing.assert_allclose(band.values - line.values, np.sqrt(line.values))
    np.testing.assert_allclose(line.values - band.baseline, np.sqrt(line.values))
    assert len(pt) == 4
    line, band = (patch.get_data() for patch in pt[:2])
    filled, widths = line.values > 0, np.diff(line.edges)
    number = np.histogram(seen.truth[:, 0], line.edges)[0]
    assert number[:-1].sum() > 1000
    np.testing.assert_allclose((line.values * widths)[:-1], np.where(number, number, np.nan)[:-1])
    np.testing.assert_allclose(((band.values - line.values) * widths)[filled], np.sqrt(line.values * widths)[filled])


def test_kmeans_command(kmeans_recipe: Path, tmp_path: Path, train_data: ShardDataset) -> None:
    result = CliRunner().invoke(main, ["tokenizer", str(kmeans_recipe), "--runs", str(tmp_path / "runs"), "--json"])
    assert result.exit_code == 0, result.output
    account = json.loads(result.stdout)
    assert account == account | json.loads((tmp_path / "runs" / "kmeans" / "inspection.json").read_text())
    assert account["occupancy"] == 1.0
    assert 1 < account["perplexity"] <= 16
    for field in account["fields"].values():
        assert 0 < field["resolution"] < 1.2 * field["spread"]
    assert (tmp_path / "runs" / "kmeans" / "inspection.png").stat().st_size > 10000
    tokenizer = load_tokenizer(account["tokenizer"], LEVEL)
    fresh = KMeansTokenizer(KMeansConfig(codes=16), LEVEL)
    fresh.fit(train_data, seed=0)
    assert isinstance(tokenizer, KMeansTokenizer)
    assert torch.equal(tokenizer.centres, fresh.centres)


def test_vq_learns_and_is_loaded_as_it_was_kept(
    make_recipe: MakeRecipe, tmp_path: Path, train_data: ShardDataset
) -> None:
    make_recipe(name="vq", method=VQ)
    account = make_tokenizer(tmp_path / "recipe.yaml", tmp_path / "runs", show_progress=False)
    with (tmp_path / "runs" / "vq" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["validation_reconstruction"]) for row in rows if row["validation_reconstruction"]]
    assert losses[-1] < float(rows[0]["train_reconstruction"])
    assert account["occupancy"] > 0.8
    tokenizer = load_tokenizer(account["tokenizer"], LEVEL)
    assert isinstance(tokenizer, VQTokenizer)
    assert not tokenizer.training
    inputs = Inputs.from_arrays(pad(train_data.read(train_data.row_groups[:1])[0], LEVEL), LEVEL)
    codes = tokenizer.codes(inputs)[inputs.tokens.mask]
    table = tokenizer.codebook.table()
    latents = tokenizer.latents(inputs)[inputs.tokens.mask]
    assert torch.equal(codes, torch.cdist(latents, table).argmin(dim=1))
    numbers = tokenizer.reconstruct(inputs)
    difference = (numbers - tokenizer.fields(inputs)).abs()[inputs.tokens.mask].mean()
    assert difference < losses[0]


def test_interrupted_vq_resumes_to_the_same_bits(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codebook = {"codes": 32, "latent": 4, "replace_after": 2}
    recipe = make_recipe(method=VQ | {"codebook": codebook}, training={"seen": 500})
    pretrain(recipe, tmp_path / "whole", show_progress=False)
    with monkeypatch.context() as patch:
        stop_after(7, patch)
        assert not pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    assert pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    assert_same_state(tmp_path / "whole", tmp_path / "broken")


def test_masked_modelling_predicts_the_codes_of_both_and_leaves_them_alone(
    make_recipe: MakeRecipe, content: dict[str, Any], kmeans_recipe: Path, tmp_path: Path
) -> None:
    make_recipe(name="vq", method=VQ, training={"seen": 200})
    for recipe in (kmeans_recipe, tmp_path / "recipe.yaml"):
        make_tokenizer(recipe, tmp_path / "runs", show_progress=False)
    targets = {
        "kmeans": {"tokenizer": str(tmp_path / "runs" / "kmeans" / "best")},
        "vq": {"tokenizer": str(tmp_path / "runs" / "vq" / "best")},
    }
    content["method"] = {"kind": "masked-particle-modelling", "targets": targets}
    result = pretrain(make_recipe(name="small"), tmp_path / "runs", show_progress=False)
    assert result.finished
    tensors, _ = load_tensors(result.folder / "last" / "state.safetensors")
    for name in targets:
        before = load_tokenizer(targets[name]["tokenizer"]).state_dict()
        for part in ("weights", "average"):
            for key, value in before.items():
                assert torch.equal(tensors[f"{part}/targets.{name}.tokenizer.{key}"], value), key


def test_wrong_tokenizers_are_refused(make_recipe: MakeRecipe, kmeans_recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no tokenizer in .*coffea-fm tokenizer"):
        load_tokenizer(tmp_path / "nothing")
    folder = make_tokenizer(kmeans_recipe, tmp_path / "runs", show_progress=False)["tokenizer"]
    other = jet_level(LEVEL.members, ("eta", "phi"))
    with pytest.raises(RecipeError, match="reads other inputs than this recipe"):
        load_tokenizer(folder, other)
    make_recipe()
    with pytest.raises(RecipeError, match=r"method.kind is supervised, but a tokenizer needs vq-vae"):
        make_tokenizer(tmp_path / "recipe.yaml", tmp_path, show_progress=False)
    kmeans_recipe.write_text(kmeans_recipe.read_text().replace("codes:", "code:"))
    with pytest.raises(RecipeError, match=r"did you mean 'codes'"):
        make_tokenizer(kmeans_recipe, tmp_path, show_progress=False)
