from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_jets import CLASSES, LEVEL
from trainings import assert_same_state, run_state, stop_after

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError, InputWarning, RecipeError
from coffea_fm.nn.blocks.low_rank import add_low_rank, merged_state
from coffea_fm.nn.checkpoint import load_checkpoint, save_checkpoint
from coffea_fm.shipped import shipped
from coffea_fm.training import finetune, load_recipe, pretrain
from coffea_fm.training.loop.adaptation import Part, part_of, rate_factor, starting_point
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.recipe.start import FrozenStart, FullStart, LowRankStart, ProbeThenFullStart, StagedStart

MakeRecipe = Callable[..., Recipe]
PLAIN = {"rotate": False, "reflect": False, "smear": 0.0, "drop": 0.0}


@pytest.fixture
def pretrained(make_recipe: MakeRecipe, tmp_path: Path) -> Path:
    """A checkpoint of random weights, of the network of the small recipe."""
    recipe = make_recipe()
    torch.manual_seed(17)
    model = recipe.network(CLASSES).build()
    save_checkpoint(tmp_path / "pretrained", model.state_dict(), recipe.network(CLASSES), {})
    return tmp_path / "pretrained"


def backbone(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder)[0].backbone.state_dict()


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


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"inputs": {"max_tokens": 64}}, r"inputs.max_tokens of the recipe is 64, but the checkpoint .* with 128"),
        ({"backbone": {"heads": 4}}, r"backbone.heads of the recipe is 4, but the checkpoint .* with 2: copy"),
    ],
)
def test_a_recipe_that_does_not_fit_the_checkpoint_is_one_sentence(
    make_recipe: MakeRecipe, pretrained: Path, tmp_path: Path, sections: dict[str, Any], message: str
) -> None:
    recipe = make_recipe(start={"mode": "full", "checkpoint": str(pretrained)}, **sections)
    with pytest.raises(RecipeError, match=message) as caught:
        pretrain(recipe, tmp_path / "runs", show_progress=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_another_dropout_is_no_other_network(make_recipe: MakeRecipe, pretrained: Path, tmp_path: Path) -> None:
    start = {"mode": "full", "checkpoint": str(pretrained)}
    recipe = make_recipe(start=start, backbone={"dropout": 0.0}, training={"seen": 50})
    assert pretrain(recipe, tmp_path / "runs", show_progress=False).finished


@pytest.mark.parametrize(
    ("embedding", "start"),
    [
        ("attention", {"mode": "frozen"}),
        ("layers", {"mode": "frozen"}),
        ("attention", {"mode": "low-rank", "rank": 2}),
        ("layers", {"mode": "full"}),
    ],
)
def test_another_embedding_is_new_and_trained_with_the_head(
    make_recipe: MakeRecipe, pretrained: Path, tmp_path: Path, embedding: str, start: dict[str, Any]
) -> None:
    recipe = make_recipe(
        start=start | {"checkpoint": str(pretrained)},
        backbone={"embedding": embedding},
        training={"augmentation": PLAIN},
    )
    with pytest.warns(InputWarning, match=f"embedding is {embedding}, but .* with register: its weights are new"):
        result = pretrain(recipe, tmp_path / "runs", show_progress=False)
    left, right = backbone(result.folder / "last"), backbone(pretrained)
    assert right.keys() < left.keys()
    new = {name: value for name, value in left.items() if name not in right}
    assert all(name.startswith("readout.") for name in new)
    torch.manual_seed(recipe.training.seed)
    fresh = recipe.network(CLASSES).build().backbone.state_dict()
    assert any(not torch.equal(value, fresh[name]) for name, value in new.items())
    kept = [torch.equal(left[name], value) for name, value in right.items()]
    assert all(kept) == (start["mode"] == "frozen")


def test_an_embedding_without_weights_can_follow_any_other(
    make_recipe: MakeRecipe, tmp_path: Path, pretrained: Path
) -> None:
    attention = make_recipe(backbone={"embedding": "attention"})
    model = attention.network(CLASSES).build()
    save_checkpoint(tmp_path / "attention", model.state_dict(), attention.network(CLASSES), {})
    start = {"mode": "frozen", "checkpoint": str(tmp_path / "attention")}
    with pytest.warns(InputWarning, match="embedding is mean, but .* with attention: it has no weights"):
        result = pretrain(
            make_recipe(start=start, backbone={"embedding": "mean"}), tmp_path / "runs", show_progress=False
        )
    assert backbone(result.folder / "last").keys() == backbone(pretrained).keys()


def test_no_checkpoint_to_start_from(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(start={"mode": "full", "checkpoint": str(tmp_path / "none")})
    with pytest.raises(InputError, match="none is not a checkpoint"):
        pretrain(recipe, tmp_path / "runs", show_progress=False)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"mode": "full", "probe": 0.5}, r"unknown key 'start.probe'"),
        ({"mode": "staged", "ramps": 0.5}, r"unknown key 'start.ramps'; did you mean 'ramp'\?"),
        ({"mode": "frosen"}, r"unknown start.mode 'frosen'; did you mean 'frozen'\?"),
        ({"mode": "low-rank", "rank": 0}, r"start.rank: "),
    ],
)
def test_mistakes_in_the_section_are_named(make_recipe: MakeRecipe, start: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make_recipe(start=start)


def test_configurations_travel(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(start={"mode": "low-rank", "rank": 4})
    assert recipe.start == LowRankStart(rank=4)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_the_name_of_a_shipped_model_is_a_checkpoint(make_recipe: MakeRecipe) -> None:
    shipped_recipe = load_recipe(shipped("models", "jet-classifier-small") / "recipe.yaml")
    start = FullStart(checkpoint=Path("jet-classifier-small"))
    found = starting_point(shipped_recipe.model_copy(update={"start": start}))
    assert found is not None
    assert found.jet_head is not None
    assert found.jet_head.classes == JET_CLASSES
    small = make_recipe(start={"mode": "full", "checkpoint": "jet-classifier-small"})
    with pytest.raises(
        RecipeError, match=r"backbone\.dim of the recipe is 16, but the checkpoint jet-classifier-small"
    ):
        starting_point(small)


def test_a_bundle_is_no_checkpoint_and_names_one(make_recipe: MakeRecipe) -> None:
    bundle = shipped("exports", "jet-classifier-small")
    recipe = make_recipe(start={"mode": "full", "checkpoint": str(bundle)})
    with pytest.raises(InputError, match=r"is a bundle, .*: start from its checkpoint, 'jet-classifier-small'"):
        starting_point(recipe)


def test_only_a_recipe_with_a_start_is_fine_tuned(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe small has no section start: add 'start: \{mode: full, checkpoint"):
        finetune(make_recipe(), tmp_path)


def test_a_checkpoint_outlives_the_recipe_that_it_was_trained_with(
    make_recipe: MakeRecipe, pretrained: Path, tmp_path: Path
) -> None:
    """Its recipe is there for people: keys that no longer exist stop nobody."""
    content = json.loads((pretrained / "config.json").read_text())
    content["provenance"]["recipe"] = {"training": {"seen_jets": 100}, "method": {"kind": "event-classification"}}
    (pretrained / "config.json").write_text(json.dumps(content))
    recipe = make_recipe(start={"mode": "frozen", "checkpoint": str(pretrained)}, training={"seen": 50})
    assert finetune(recipe, tmp_path / "runs", show_progress=False).finished
