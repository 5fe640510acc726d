from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_jets import CLASSES, LEVEL
from trainings import assert_same_state, backbone, run_state, stop_after

from coffea_fm.nn.blocks.low_rank import add_low_rank, merged_state
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.training import pretrain
from coffea_fm.training.loop.adaptation import Part, part_of, rate_factor
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.recipe.start import FrozenStart, FullStart, ProbeThenFullStart, StagedStart

MakeRecipe = Callable[..., Recipe]
PLAIN = {"rotate": False, "reflect": False, "smear": 0.0, "drop": 0.0}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> list[bool]:
    assert left.keys() == right.keys()
    return [torch.equal(left[name], right[name]) for name in left]


def test_frozen_backbone_is_that_of_the_checkpoint(make_recipe: MakeRecipe, pretrained: Path, tmp_path: Path) -> None:
    recipe = make_recipe(start={"mode": "frozen", "checkpoint": str(pretrained)})
    result = pretrain(recipe, tmp_path / "runs", show_progress=False)
    assert all(same(backbone(result.folder / "best"), backbone(pretrained)))
    head = load_checkpoint(result.folder / "best")[0].head.state_dict()
    assert not any(same(head, load_checkpoint(pretrained)[0].head.state_dict()))


def test_full_starts_at_the_checkpoint_and_moves(make_recipe: MakeRecipe, pretrained: Path, tmp_path: Path) -> None:
    start = {"mode": "full", "checkpoint": str(pretrained)}
    recipe = make_recipe(start=start, training={"lr": 1e-7, "seen": 50})
    result = pretrain(recipe, tmp_path / "runs", show_progress=False)
    left, right = backbone(result.folder / "last"), backbone(pretrained)
    moved = [float((left[name] - right[name]).abs().max()) for name in left if left[name].is_floating_point()]
    assert 0 < max(moved) < 1e-5


def test_from_nothing_the_random_backbone_stays(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(start={"mode": "frozen"}, training={"seen": 200})
    result = pretrain(recipe, tmp_path / "runs", show_progress=False)
    kept = backbone(result.folder / "best")
    torch.manual_seed(recipe.training.seed)
    assert all(same(kept, recipe.network(CLASSES).build().backbone.state_dict()))


def test_kept_embeddings_train_the_same_head(
    make_recipe: MakeRecipe, pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without augmentation the backbone runs once for each jet; what is learned is the same."""
    recipe = make_recipe(start={"mode": "frozen", "checkpoint": str(pretrained)}, training={"augmentation": PLAIN})
    kept = pretrain(recipe, tmp_path / "kept", show_progress=False)
    assert len(list((tmp_path / "kept" / "embeddings").glob("*.npy"))) == 2
    monkeypatch.setattr("coffea_fm.training.loop.loop.keeps_embeddings", lambda *_: False)
    anew = pretrain(recipe, tmp_path / "anew", show_progress=False)
    assert not (tmp_path / "anew" / "embeddings").exists()
    assert anew.metrics["loss"] == pytest.approx(kept.metrics["loss"], rel=1e-4)
    left, right = run_state(tmp_path / "kept"), run_state(tmp_path / "anew")
    for name in (name for name in left if name.startswith("weights/model.head")):
        torch.testing.assert_close(left[name], right[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "start",
    [
        {"mode": "frozen"},
        {"mode": "probe-then-full", "probe": 0.5},
        {"mode": "staged", "frozen": 0.3, "ramp": 0.3, "head_lr": 2.0, "layer_decay": 0.8},
        {"mode": "low-rank", "rank": 2},
    ],
)
@pytest.mark.parametrize("steps", [4, 9])
def test_interrupted_adaptation_resumes_to_the_same_bits(
    make_recipe: MakeRecipe,
    pretrained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: dict[str, object],
    steps: int,
) -> None:
    recipe = make_recipe(start=start | {"checkpoint": str(pretrained)}, training={"seen": 600})
    pretrain(recipe, tmp_path / "whole", show_progress=False)
    with monkeypatch.context() as patch:
        stop_after(steps, patch)
        assert not pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    assert pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    assert_same_state(tmp_path / "whole", tmp_path / "broken")


def test_the_probe_comes_before_the_rest(
    make_recipe: MakeRecipe, pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until half of the jets were seen, nothing of the backbone has moved."""
    start = {"mode": "probe-then-full", "probe": 0.5, "checkpoint": str(pretrained)}
    recipe = make_recipe(start=start, training={"seen": 600})
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        assert not pretrain(recipe, tmp_path, show_progress=False).finished
    expected = backbone(pretrained)
    assert all(
        torch.equal(value, run_state(tmp_path)[f"weights/model.backbone.{name}"]) for name, value in expected.items()
    )
    pretrain(recipe, tmp_path, show_progress=False)
    moved = [
        not torch.equal(value, run_state(tmp_path)[f"weights/model.backbone.{name}"])
        for name, value in expected.items()
    ]
    assert np.mean(moved) > 0.9


def test_rates_of_the_modes() -> None:
    head, top, bottom = Part(of_backbone=False), Part(of_backbone=True), Part(of_backbone=True, layers_above=3)
    assert [rate_factor(FrozenStart(), part, 0.5) for part in (head, top)] == [1.0, 0.0]
    full = FullStart(head_lr=50.0, layer_decay=0.5)
    assert [rate_factor(full, part, 0.5) for part in (head, top, bottom)] == [50.0, 1.0, 0.125]
    then = ProbeThenFullStart(probe=0.4, full_lr=0.1)
    assert [rate_factor(then, top, progress) for progress in (0.0, 0.39, 0.4, 1.0)] == [0.0, 0.0, 0.1, 0.1]
    assert [rate_factor(then, head, progress) for progress in (0.39, 0.4)] == [1.0, 0.1]
    staged = StagedStart(frozen=0.2, ramp=0.4)
    assert [rate_factor(staged, top, at) for at in (0.1, 0.2, 0.4, 0.6, 0.9)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert rate_factor(None, None, 0.5) == 1.0


def test_parts_by_name(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(backbone={"layers": 4}, start={"mode": "full"})
    depth = {
        "model.head.layers.1.weight": Part(of_backbone=False),
        "teacher.anything": Part(of_backbone=False),
        "model.backbone.norm.weight": Part(of_backbone=True, layers_above=0),
        "model.backbone.blocks.3.attention.project_in.weight": Part(of_backbone=True, layers_above=1),
        "model.backbone.blocks.0.attention.project_in.weight": Part(of_backbone=True, layers_above=4),
        "model.backbone.embed.0.weight": Part(of_backbone=True, layers_above=5),
        "model.backbone.registers": Part(of_backbone=True, layers_above=5),
    }
    model = recipe.network(CLASSES).build()
    assert {name: part_of(name, model, recipe.start) for name in depth} == depth
    assert part_of("model.backbone.registers", model, None) is None


def test_low_rank_leaves_the_matrices_alone_and_merges_exactly(
    make_recipe: MakeRecipe, pretrained: Path, tmp_path: Path
) -> None:
    start = {"mode": "low-rank", "rank": 2, "alpha": 4.0, "checkpoint": str(pretrained)}
    recipe = make_recipe(start=start)
    result = pretrain(recipe, tmp_path, show_progress=False)
    merged, before, trained = backbone(result.folder / "last"), backbone(pretrained), run_state(tmp_path)
    assert merged.keys() == before.keys()
    for name in ("blocks.0.attention.project_in", "blocks.0.feed_forward.1"):
        place = f"average/model.backbone.{name}.parametrizations.weight"
        down, up = trained[f"{place}.0.down"], trained[f"{place}.0.up"]
        assert torch.equal(trained[f"{place}.original"], before[f"{name}.weight"])
        expected = before[f"{name}.weight"].double() + 4.0 / 2 * up.double() @ down.double()
        torch.testing.assert_close(merged[f"{name}.weight"].double(), expected, rtol=1e-5, atol=1e-7)
        assert float((merged[f"{name}.weight"] - before[f"{name}.weight"]).abs().max()) > 1e-3
    assert torch.equal(merged["embed.0.weight"], before["embed.0.weight"])


def test_merged_network_computes_the_same_bits(make_recipe: MakeRecipe, inputs: Any) -> None:
    recipe = make_recipe()
    adapted, plain = recipe.network(CLASSES).build().eval(), recipe.network(CLASSES).build().eval()
    before = adapted(inputs)
    add_low_rank(adapted.backbone, 3, 6.0)
    assert torch.equal(adapted(inputs), before)
    trained = [parameter for parameter in adapted.backbone.parameters() if parameter.requires_grad]
    assert len(trained) == 2 * 4
    for parameter in trained:
        torch.nn.init.normal_(parameter, std=0.3)
    assert not torch.equal(adapted(inputs), before)
    plain.load_state_dict(merged_state(adapted))
    assert torch.equal(plain(inputs), adapted(inputs))


@pytest.fixture
def inputs() -> Any:
    from random_jets import random_jets

    from coffea_fm.nn.inputs import Inputs
    from coffea_fm.tokens.padding import pad

    return Inputs.from_arrays(pad(random_jets(5)[0], LEVEL), LEVEL)
