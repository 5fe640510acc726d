from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from trainings import assert_same_state, run_state, stop_after

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.nn.checkpoint import load_checkpoint, load_tensors
from coffea_fm.shards import ShardDataset
from coffea_fm.training import pretrain
from coffea_fm.training.loop import loop
from coffea_fm.training.loop.lock import locked
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


def test_it_learns_and_its_checkpoint_is_as_good_as_it_says(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    result = pretrain(make_recipe(training={"seen": 3000}), tmp_path, show_progress=False)
    assert result.finished
    assert result.seen >= 3000
    assert result.metrics["accuracy"] > 0.9
    model, _ = load_checkpoint(result.folder / "best")
    data = ShardDataset(make_recipe().data.validation, model.level)
    packed, columns = data.read(data.row_groups)
    examples = Examples(packed, columns, columns["weight"])
    right = sum(
        int((model(batch.inputs).argmax(1) == batch.columns["target"]).sum())
        for batch in padded_batches(examples, data.level, 4096)
    )
    assert right / len(packed) == pytest.approx(result.metrics["accuracy"], abs=0.02)


def test_logs(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    result = pretrain(make_recipe(), tmp_path, show_progress=False)
    with (result.folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    validations = [float(row["validation_loss"]) for row in rows if row["validation_loss"]]
    assert len(validations) == 3
    assert min(validations) == pytest.approx(result.metrics["loss"], rel=1e-5)
    assert float(rows[0]["train_loss"]) == pytest.approx(0.7, abs=0.3)
    assert list((result.folder / "tensorboard").glob("events.*"))


def test_two_runs_are_equal_and_seeds_differ(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        pretrain(make_recipe(), tmp_path / folder, show_progress=False)
    assert_same_state(tmp_path / "a", tmp_path / "b")
    pretrain(make_recipe(training={"seed": 1}), tmp_path / "c", show_progress=False)
    name = "weights/model.head.layers.1.weight"
    assert not torch.equal(run_state(tmp_path / "a")[name], run_state(tmp_path / "c")[name])


@pytest.mark.parametrize("steps", [1, 7, 14])
def test_interrupted_run_resumes_to_the_same_bits(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    recipe = make_recipe()
    pretrain(recipe, tmp_path / "whole", show_progress=False)
    with monkeypatch.context() as patch:
        stop_after(steps, patch)
        assert not pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    result = pretrain(recipe, tmp_path / "broken", show_progress=False)
    assert result.finished
    assert_same_state(tmp_path / "whole", tmp_path / "broken")


def test_killed_run_resumes_to_the_same_bits(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    backbone = {"kind": "particle-transformer", "embed": [16], "pair_hidden": [8]}
    recipe = make_recipe(backbone=backbone, training={"precision": "auto"})
    pretrain(recipe, tmp_path / "whole", show_progress=False)
    script = f"""
import os, signal
from coffea_fm.training.loop import loop
from coffea_fm.training.loop.lock import locked
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import load_recipe
loop.SAVE_SECONDS = 0.0
whole, count = loop.update_average, iter(range(10**6))
def killed(*args):
    whole(*args)
    if next(count) == 9:
        os.kill(os.getpid(), signal.SIGKILL)
loop.update_average = killed
pretrain(load_recipe({str(tmp_path / "recipe.yaml")!r}), {str(tmp_path / "broken")!r}, show_progress=False)
"""
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.run([sys.executable, "-c", script], env=os.environ | threads, check=False, capture_output=True)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    _, about = load_tensors(tmp_path / "broken" / "small" / "last" / "state.safetensors")
    assert about["step"] == 9  # type: ignore[index]
    assert about["position"]["batch"] > 0  # type: ignore[index]
    assert pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    assert_same_state(tmp_path / "whole", tmp_path / "broken")


def test_finished_run_is_left_alone(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe()
    first = pretrain(recipe, tmp_path, show_progress=False)
    before = (first.folder / "last" / "state.safetensors").stat().st_mtime_ns
    assert pretrain(recipe, tmp_path, show_progress=False) == first
    assert (first.folder / "last" / "state.safetensors").stat().st_mtime_ns == before


def test_another_recipe_is_refused(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    pretrain(make_recipe(), tmp_path, show_progress=False)
    with pytest.raises(RecipeError, match=r"training.lr was 0.005, is 0.001"):
        pretrain(make_recipe(training={"lr": 1e-3}), tmp_path, show_progress=False)


def test_other_shards_are_refused(make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = make_recipe()
    with monkeypatch.context() as patch:
        stop_after(3, patch)
        pretrain(recipe, tmp_path, show_progress=False)
    monkeypatch.setattr(ShardDataset, "fingerprint", "other")
    with pytest.raises(RecipeError, match=r"shards .* have changed"):
        pretrain(recipe, tmp_path, show_progress=False)


def test_early_stopping(make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 0.0)
    recipe = make_recipe(training={"seen": 100_000, "validate_every": 100, "patience": 2})
    result = pretrain(recipe, tmp_path, show_progress=False)
    assert result.finished
    assert 300 <= result.seen < 400


def test_divergence_is_told(make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "learning_rate", lambda *_: float("inf"))
    with pytest.raises(RecipeError, match=r"diverged at step 1: .* lower training.lr"):
        pretrain(make_recipe(), tmp_path, show_progress=False)


def test_shards_without_the_inputs(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(inputs={"fields": ["pt", "eta", "phi", "weight"]})
    with pytest.raises(InputError, match=r"constituents\.weight"):
        pretrain(recipe, tmp_path, show_progress=False)
    assert not (tmp_path / "small").exists()


def test_other_threads_can_train(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(training={"seen": 100})
    results = []
    thread = threading.Thread(target=lambda: results.append(pretrain(recipe, tmp_path, show_progress=False)))
    thread.start()
    thread.join()
    assert results[0].finished


def test_two_trainings_in_one_folder_are_refused(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(training={"seen": 50})
    with (
        locked(tmp_path / recipe.name),
        pytest.raises(
            RecipeError, match=rf"another training is running in .*small \(process {os.getpid()} on .*\): wait"
        ),
    ):
        pretrain(recipe, tmp_path, show_progress=False)
    result = pretrain(recipe, tmp_path, show_progress=False)
    assert result.finished
    assert repr(result).startswith(
        f"TrainingResult({tmp_path / 'small' / 'best'}, finished, {result.seen} seen; on val"
    )
