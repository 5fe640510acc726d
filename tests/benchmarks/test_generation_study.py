"""The recipes of the generation benchmark are valid, and their parts fit each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from coffea_fm.methods.parts.generation.decoding import generated_level, require
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.nn.inputs import only_member
from coffea_fm.training.recipe.recipe import Recipe

STUDY = yaml.safe_load((Path(__file__).parents[2] / "benchmarks" / "pretraining" / "generation.yaml").read_text())


def recipe(content: dict[str, Any]) -> Recipe:
    return Recipe.model_validate(content | {"name": "one", "data": {"train": "train", "validation": "validation"}})


@pytest.mark.parametrize("name", [name for name, content in STUDY["models"].items() if name.startswith("omnijet")])
def test_codes_are_those_of_the_tokenizer(name: str) -> None:
    content = STUDY["models"][name]
    made = recipe(content | {"method": content["method"] | {"tokenizer": "tokenizer"}})
    tokenizer = recipe(STUDY["tokenizer"])
    assert made.level == tokenizer.level
    assert made.backbone.encoder == tokenizer.backbone
    codebook = tokenizer.method.codebook
    assert (made.backbone.codes, made.backbone.latent) == (codebook.codes, codebook.latent)


def test_continuous_jets_can_be_generated() -> None:
    made = recipe(STUDY["models"]["next-token"])
    tokenizer = KMeansTokenizer(KMeansConfig(codes=2, fields=made.method.fields), made.level)
    require(made.level, only_member(generated_level(tokenizer, 128, types=True)).names)
    assert made.backbone.build(made.level).ordered
