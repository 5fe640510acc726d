"""L-GATr and PET2 are trained and fine-tuned by recipes, as every backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.training import Recipe, finetune, pretrain

BACKBONES: dict[str, dict[str, Any]] = {
    "lgatr-slim": {"dim": 8, "vectors": 4, "layers": 1, "heads": 2},
    "lgatr": {"dim": 8, "vectors": 2, "layers": 1, "heads": 2},
    "pet2": {"dim": 16, "layers": 1, "heads": 2, "class_layers": 1, "neighbours": 4},
}


@pytest.mark.parametrize("kind", BACKBONES)
def test_a_recipe_trains_and_fine_tunes_it(
    kind: str, make_recipe: Callable[..., Recipe], content: dict[str, Any], tmp_path: Path
) -> None:
    if kind != "pet2":
        pytest.importorskip("lgatr")
    content["backbone"] = {"kind": kind, **BACKBONES[kind]}
    content["inputs"]["max_tokens"] = 8
    first = pretrain(make_recipe(), tmp_path / "runs", show_progress=False)
    model, checkpoint = load_checkpoint(tmp_path / "runs" / "small" / "best")
    assert checkpoint.network.backbone.kind == kind
    assert checkpoint.provenance["metrics"]["loss"] < 0.69, first  # a coin: 0.693
    start = {"checkpoint": str(tmp_path / "runs" / "small" / "best"), "mode": "full", "layer_decay": 0.7}
    recipe = make_recipe(name="tuned", start=start, training={"seen": 400, "validate_every": 400})
    finetune(recipe, tmp_path / "runs", show_progress=False)
    tuned, _ = load_checkpoint(tmp_path / "runs" / "tuned" / "best")
    changed = [
        name
        for (name, before), after in zip(model.named_parameters(), tuned.parameters(), strict=True)
        if not before.equal(after)
    ]
    assert any(name.startswith("backbone.blocks") for name in changed)
