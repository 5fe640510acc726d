from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from random_jets import CLASSES, LEVEL, random_jets

from coffea_fm.errors import InputError
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig, load_checkpoint, load_tensors, save_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import pad


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, torch.nn.Module]:
    network = NetworkConfig(
        level=LEVEL,
        backbone=SetTransformerConfig(dim=16, layers=1, heads=2),
        head=ClassificationHeadConfig(),
        classes=CLASSES,
    )
    torch.manual_seed(3)
    model = network.build().eval()
    save_checkpoint(tmp_path / "best", model.state_dict(), network, {"recipe": {"name": "any"}, "step": 3})
    return tmp_path / "best", model


def test_loaded_model_gives_the_same_logits(saved: tuple[Path, torch.nn.Module]) -> None:
    folder, model = saved
    loaded, checkpoint = load_checkpoint(folder)
    assert (checkpoint.network.level, checkpoint.network.classes) == (LEVEL, CLASSES)
    assert checkpoint.provenance == {"recipe": {"name": "any"}, "step": 3}
    assert not loaded.training
    inputs = Inputs.from_arrays(pad(random_jets(5)[0], LEVEL), LEVEL)
    assert torch.equal(loaded(inputs), model(inputs))


def test_no_recipe_is_needed_to_read_a_checkpoint(saved: tuple[Path, torch.nn.Module]) -> None:
    """Recipes may change their keys: what a checkpoint keeps of its own is for people."""
    folder, model = saved
    content = json.loads((folder / "config.json").read_text())
    content["provenance"]["recipe"] = {"training": {"seen_jets": 1}, "method": {"kind": "of the past"}}
    (folder / "config.json").write_text(json.dumps(content))
    assert load_checkpoint(folder)[0].state_dict().keys() == model.state_dict().keys()


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
