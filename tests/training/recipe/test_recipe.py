from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.training.recipe.recipe import Recipe, load_recipe


def test_sections_become_configurations(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe(backbone={"kind": "particle-transformer", "layers": 2, "dim": 32, "heads": 4, "dropout": 0.0})
    assert recipe.backbone == ParticleTransformerConfig(layers=2, dim=32, heads=4, dropout=0.0)
    level = recipe.level
    assert level.find("constituents").missing_names == ("d0", "d0_error", "dz", "dz_error")
    assert level.names == ("pt_raw", "eta", "phi", "mass_raw")


def test_a_written_recipe_reads_back(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = make_recipe()
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    assert load_recipe(tmp_path / "again.yaml") == recipe


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("metod", {}, r"unknown key 'metod'; did you mean 'method'\?"),
        ("training.batch_token", 1, r"unknown key 'training.batch_token'; did you mean 'batch_tokens'\?"),
        ("training.seen_event", 10, r"unknown key 'training.seen_event'; did you mean 'seen'\?"),
        ("training.augmentation.rotat", True, "did you mean 'rotate'"),
        ("backbone.layer", 1, r"unknown key 'backbone.layer'; did you mean 'layers'\?"),
        ("data.reweight.flaten", {}, "did you mean 'flatten'"),
        ("head", {"hiden": [3]}, "unknown key 'head.hiden'; did you mean 'hidden'"),
        ("method.smoothing", 0.1, "did you mean 'label_smoothing'"),
        (
            "backbone.kind",
            "set-transformr",
            r"unknown backbone.kind 'set-transformr'; did you mean 'set-transformer'\?",
        ),
        ("method.kind", "supervise", r"unknown method.kind 'supervise'; did you mean 'supervised'\? Choose one of"),
        ("method", {"knd": "supervised"}, r"unknown key 'method.knd'; did you mean 'kind'\?"),
        ("method", {}, "method: the key 'kind' is missing, which says what kind of method it is"),
        ("start", {"mod": "frozen"}, r"unknown key 'start.mod'; did you mean 'mode'\?"),
        ("training.lr", -1, "training.lr: .*greater than 0"),
        ("training.warmup", 1.0, "training.warmup: "),
        ("inputs.fields", ["pt", "colour"], "unknown constituents field 'colour'"),
        ("inputs.order", "mass_drop", "ordered by 'mass_drop'"),
        ("name", "../elsewhere", "name: "),
        ("backbone.heads", 3, "dim 16 is not a multiple of heads 3"),
    ],
)
def test_mistakes_are_named(
    content: dict[str, Any], make_recipe: Callable[..., Recipe], place: str, value: object, message: str
) -> None:
    *parents, key = place.split(".")
    section = content
    for parent in parents:
        section = section[parent]
    section[key] = value
    with pytest.raises(RecipeError, match=message) as caught:
        make_recipe()
    assert "\n" not in str(caught.value)


def test_missing_section(content: dict[str, Any], make_recipe: Callable[..., Recipe]) -> None:
    del content["training"]
    with pytest.raises(RecipeError, match="training: Field required"):
        make_recipe()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*No such file"):
        load_recipe(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["a: [", "- 1", ""])
def test_not_a_recipe(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(RecipeError, match=r"bad\.yaml"):
        load_recipe(tmp_path / "bad.yaml")


def test_a_misspelled_required_key_is_named(make_recipe: Callable[..., Recipe], content: dict[str, Any]) -> None:
    content["training"]["sen_jets"] = content["training"].pop("seen")
    with pytest.raises(RecipeError, match=r"'training.sen_jets'; did you mean 'seen'"):
        make_recipe()
