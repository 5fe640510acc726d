"""Where a training starts: checkpoints that fit, do not fit, or are not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from random_jets import CLASSES
from trainings import backbone

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError, InputWarning, RecipeError
from coffea_fm.nn.checkpoint import save_checkpoint
from coffea_fm.shipped import shipped
from coffea_fm.training import finetune, load_recipe, pretrain
from coffea_fm.training.loop.adaptation import starting_point
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.recipe.start import FullStart, LowRankStart

MakeRecipe = Callable[..., Recipe]
PLAIN = {"rotate": False, "reflect": False, "smear": 0.0, "drop": 0.0}


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
