from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from random_jets import CLASSES, LEVEL

from coffea_fm.errors import InputError
from coffea_fm.nn.batches import Inputs
from coffea_fm.nn.checkpoint import CheckpointConfig, build_from, load_checkpoint, load_tensors, save_checkpoint
from coffea_fm.training.recipe.recipe import Recipe


@pytest.fixture
def saved(make_recipe: Callable[..., Recipe], tmp_path: Path) -> tuple[Path, torch.nn.Module]:
    recipe = make_recipe()
    torch.manual_seed(3)
    model = build_from(recipe, LEVEL, CLASSES).eval()
    config = CheckpointConfig(recipe=recipe, spec=LEVEL, classes=CLASSES, step=3, seen=100, metrics={"loss": 0.5})
    save_checkpoint(tmp_path / "best", model.state_dict(), config)
    return tmp_path / "best", model


def test_loaded_model_gives_the_same_logits(saved: tuple[Path, torch.nn.Module]) -> None:
    folder, model = saved
    loaded, config = load_checkpoint(folder)
    assert (config.spec, config.classes, config.metrics) == (LEVEL, CLASSES, {"loss": 0.5})
    assert not loaded.training
    mask = torch.tensor([[True, True, False]])
    inputs = Inputs(torch.rand(1, 3, 10), mask, torch.zeros(1, 3, 4, dtype=torch.bool), torch.rand(1, 4))
    assert torch.equal(loaded(inputs), model(inputs))


def test_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a checkpoint"):
        load_checkpoint(tmp_path)


def test_damaged_weights(saved: tuple[Path, torch.nn.Module]) -> None:
    folder, _ = saved
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="damaged"):
        load_checkpoint(folder)


def test_weights_of_another_network(saved: tuple[Path, torch.nn.Module]) -> None:
    folder, _ = saved
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"dim": 16', '"dim": 32'))
    with pytest.raises(InputError, match="does not fit"):
        load_checkpoint(folder)


def test_weights_are_plain_safetensors(saved: tuple[Path, torch.nn.Module]) -> None:
    folder, model = saved
    tensors, _ = load_tensors(folder / "model.safetensors")
    assert tensors.keys() == model.state_dict().keys()
