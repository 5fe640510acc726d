"""Fixtures of small trainings, for the conftest of whatever trains."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from random_jets import CLASSES, FIELDS, write_random_shards

from coffea_fm.nn.checkpoint import load_checkpoint, load_tensors, save_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.training.loop import loop
from coffea_fm.training.recipe.recipe import Recipe, load_recipe


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``train`` (400 jets in four shards) and ``validation`` (100 jets in two)."""
    folder = tmp_path_factory.mktemp("shards")
    write_random_shards(folder / "train", (120, 80, 90, 110))
    write_random_shards(folder / "validation", (50, 50), seed=100)
    return folder


@pytest.fixture
def train_data(shards: Path) -> ShardDataset:
    return ShardDataset(shards / "train")


@pytest.fixture
def content(shards: Path) -> dict[str, Any]:
    """The content of a small recipe."""
    return {
        "name": "small",
        "inputs": {"fields": list(FIELDS)},
        "backbone": {"kind": "set-transformer", "dim": 16, "layers": 1, "heads": 2, "dropout": 0.1},
        "method": {"kind": "supervised"},
        "training": {
            "seen": 1000,
            "batch_tokens": 800,
            "micro_tokens": 400,
            "lr": 5e-3,
            "ema": 0.9,
            "precision": "fp32",
            "validate_every": 400,
            "augmentation": {"rotate": True, "reflect": True, "smear": 0.1, "drop": 0.1},
        },
        "data": {
            "train": str(shards / "train"),
            "validation": str(shards / "validation"),
            "shuffle": 200,
            "reweight": {"flatten": {"pt": [500, 750, 1000]}},
        },
    }


@pytest.fixture
def make_recipe(content: dict[str, Any], tmp_path: Path) -> Callable[..., Recipe]:
    """The small recipe, with sections updated: ``make_recipe(training={"seed": 1})``."""

    def make(**sections: Any) -> Recipe:
        for name, values in sections.items():
            content[name] = {**content.get(name, {}), **values} if isinstance(values, dict) else values
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(content))
        return load_recipe(path)

    return make


@pytest.fixture
def pretrained(make_recipe: Callable[..., Recipe], tmp_path: Path) -> Path:
    """A checkpoint of random weights, of the network of the small recipe."""
    recipe = make_recipe()
    torch.manual_seed(17)
    model = recipe.network(CLASSES).build()
    save_checkpoint(tmp_path / "pretrained", model.state_dict(), recipe.network(CLASSES), {})
    return tmp_path / "pretrained"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over several threads may be split otherwise when the machine is busy; on one they are always the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run_state(runs: Path) -> dict[str, torch.Tensor]:
    """All that a run of the small recipe needs to go on."""
    tensors, _ = load_tensors(runs / "small" / "last" / "state.safetensors")
    return tensors


def assert_same_state(left: Path, right: Path) -> None:
    """Weights, average, optimizer and random numbers are the same to the last bit."""
    ours, theirs = run_state(left), run_state(right)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def stop_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send an interrupt in the middle of that step of each training."""
    whole = loop.augment
    count = iter(range(10**6))

    def interrupted(*args: Any) -> Any:
        if next(count) == steps:
            signal.raise_signal(signal.SIGINT)
        return whole(*args)

    monkeypatch.setattr(loop, "augment", interrupted)


def backbone(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder)[0].backbone.state_dict()
