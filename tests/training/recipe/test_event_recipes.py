"""Recipes of events: what they refuse, and the four shipped ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from event_recipes import event_recipe

from coffea_fm.shipped import shipped
from coffea_fm.training.recipe.recipe import Recipe, load_recipe

recipe = partial(event_recipe, Path("events"))


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"event": None}, "head.kind: the method supervised needs the head classification for jets"),
        ({"method": {"kind": "jetclr"}}, "event: the method jetclr supports jets, not events"),
        ({"data": {"validation": "elsewhere"}}, "split takes both parts from the folder train"),
        ({"event": {"minimum": 5}}, "the minimum is 5 and the maximum 4"),
        ({"event": {"order": "msoft"}}, "ordered by 'msoft', which is not among their fields"),
        ({"head": {"reads": []}}, "reads"),
        ({"data": {"split": {"validation": 1.0}}}, "validation"),
    ],
)
def test_recipes_that_contradict_themselves(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(**sections)


def test_it_travels() -> None:
    made = recipe(head={"reads": ["scores"]}, start={"mode": "full", "backbone_lr": 0.1})
    again = Recipe.model_validate(made.model_dump(mode="json"))
    assert again == made
    assert again.data.reweight is not None
    assert recipe(data={"reweight": None}).data.reweight is None


def test_the_four_ways_differ_in_what_is_read_and_where_they_start() -> None:
    folders = sorted(shipped("models").glob("hh4b-*"))
    assert [folder.name.removeprefix("hh4b-") for folder in folders] == [
        "end-to-end",
        "frozen-embedding",
        "frozen-scores",
        "scratch",
    ]
    ways = [load_recipe(folder / "recipe.yaml") for folder in folders]
    assert all(way.name == folder.name for way, folder in zip(ways, folders, strict=True))
    assert all(
        way.model_dump(exclude={"name", "head", "start"}) == ways[0].model_dump(exclude={"name", "head", "start"})
        for way in ways
    )
    heads = [way.head.model_dump(exclude={"reads"}) for way in ways if way.head]
    assert heads == [heads[0]] * 4
    assert [way.start and (way.start.mode, way.start.checkpoint is None) for way in ways] == [
        ("staged", False),
        ("frozen", False),
        ("frozen", False),
        ("full", True),
    ]
    trained = load_recipe(shipped("models", "jet-classifier-small") / "recipe.yaml")
    assert all((way.inputs, way.backbone) == (trained.inputs, trained.backbone) for way in ways)
