"""Methods that generate jets learn, and refuse networks that they cannot train."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from generators import CODES, KMEANS, SET
from random_jets import CLASSES, FIELDS

from coffea_fm.errors import RecipeError
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


def losses_of(folder: Path) -> list[float]:
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [float(rows[0]["train_loss"]), *(float(row["validation_loss"]) for row in rows if row["validation_loss"])]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "omnijet": (CODES, {"classes": 2}),
    "next-token": (SET | {"causal": True}, KMEANS),
    "mpm-causal": (SET | {"causal": True, "positions": "rotary"}, {"targets": {"kmeans": {"codes": 8}, "id": {}}}),
    "joint": (SET, KMEANS | {"decoder": {"dim": 8, "heads": 2}}),
}


@pytest.mark.parametrize("kind", CASES)
def test_each_learns(make_recipe: MakeRecipe, tokenizer: Path, tmp_path: Path, kind: str) -> None:
    backbone, settings = CASES[kind]
    method = {"kind": kind} | settings | ({"tokenizer": str(tokenizer)} if kind == "omnijet" else {})
    recipe = make_recipe(
        backbone={"layers": 1, "dropout": 0.0} | backbone | {"layers": 1},
        method=method,
        inputs={"fields": list(FIELDS), "jet": ["pt", "eta", "phi", "mass"]},
        training={"seen": 600, "validate_every": 600, "augmentation": {}, "ema": 0.8},
    )
    result = pretrain(recipe, tmp_path, show_progress=False)
    first, *others = losses_of(result.folder)
    assert min(others) < 0.98 * first
    assert result.metrics["embedding_rank"] > 1.5


@pytest.mark.parametrize(
    ("backbone", "method", "message"),
    [
        (SET, {"kind": "next-token"}, "set backbone.causal: true"),
        (SET, {"kind": "mpm-causal", "targets": {"id": {}}}, "needs backbone: {kind: set-transformer, causal: true}"),
        (CODES, {"kind": "joint"}, "the method joint needs backbone.kind: set-transformer"),
        (SET, {"kind": "omnijet"}, "the method omnijet needs backbone.kind: code-transformer"),
        (CODES | {"codes": 15}, {"kind": "omnijet"}, "backbone.codes is 15, but that of the tokenizer .* is 16"),
        (CODES, {"kind": "omnijet", "classes": 3}, f"method.classes is 3, but .* has 2: {', '.join(CLASSES)}"),
    ],
)
def test_wrong_recipes_are_refused(
    make_recipe: MakeRecipe,
    tokenizer: Path,
    tmp_path: Path,
    backbone: dict[str, Any],
    method: dict[str, Any],
    message: str,
) -> None:
    given = {"tokenizer": str(tokenizer)} if method["kind"] == "omnijet" else {}
    recipe = make_recipe(backbone=backbone, method=method | given)
    with pytest.raises(RecipeError, match=message):
        pretrain(recipe, tmp_path, show_progress=False)
