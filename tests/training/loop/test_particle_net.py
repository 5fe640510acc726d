"""ParticleNet in recipes: fine-tuned from a checkpoint, and pretrained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from random_jets import CLASSES

from coffea_fm.nn.checkpoint import load_checkpoint, save_checkpoint
from coffea_fm.training import finetune, pretrain
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]
NET = {
    "kind": "particle-net",
    "convolutions": [[8, 8], [12, 12]],
    "neighbours": 4,
    "hidden": [16],
    "features": "jetclass",
}
TRAINING = {"seen": 400, "validate_every": 400, "augmentation": {}}


@pytest.fixture
def make_net(content: dict[str, Any], make_recipe: MakeRecipe) -> MakeRecipe:
    content["backbone"] = NET
    return make_recipe


@pytest.mark.parametrize("mode", ["full", "low-rank"])
def test_it_is_fine_tuned(make_net: MakeRecipe, tmp_path: Path, mode: str) -> None:
    recipe = make_net(training=TRAINING)
    torch.manual_seed(17)
    network = recipe.network(CLASSES)
    save_checkpoint(tmp_path / "imported", network.build().state_dict(), network, {"imported": {"file": "NET.pt"}})
    start = {"mode": mode, "checkpoint": str(tmp_path / "imported")}
    result = finetune(make_net(start=start), tmp_path / "runs", show_progress=False)
    before, after = (load_checkpoint(path)[0] for path in (tmp_path / "imported", result.folder / "best"))
    moved = (
        after.backbone.convolutions[1].layers[1].linear.weight - before.backbone.convolutions[1].layers[1].linear.weight
    )
    assert 0 < moved.abs().max() < 1


@pytest.mark.parametrize(
    "method",
    [
        {"kind": "jetclr", "first": [{"kind": "rotation"}], "second": [{"kind": "subset", "keep": [0.3, 0.8]}]},
        {"kind": "masked-particle-modelling", "exclude": True, "targets": {"id": {}}},
    ],
    ids=lambda method: method["kind"],
)
def test_it_is_pretrained(
    content: dict[str, Any], make_net: MakeRecipe, tmp_path: Path, method: dict[str, Any]
) -> None:
    content["method"] = method
    result = pretrain(make_net(training=TRAINING), tmp_path / "runs", show_progress=False)
    assert load_checkpoint(result.folder / "last")[0].backbone.config.kind == "particle-net"
