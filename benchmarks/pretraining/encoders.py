"""The encoders of the study: pretrained by the recipes in ``models/``, or with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from study import MODELS, Study, merged
from vocabularies import trained_vocabulary

from coffea_fm.errors import RecipeError
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe

VALIDATIONS = 4
REFERENCES = ("random", "scratch")
"""Encoders that nothing has trained."""


def recipe_of(study: Study, name: str) -> Recipe:
    """The recipe of an encoder: that of the zoo, with the study's network, jets and number of seen jets."""
    asked = dict((study.encoders | study.ladder)[name])
    content = yaml.safe_load((MODELS / asked.pop("recipe") / "recipe.yaml").read_text())
    shards = study.work / "shards"
    suffix = asked.pop("labels", "") or jets_of(study, name)
    asked.pop("jets", None)
    tokenizer = asked.pop("tokenizer", None)
    if tokenizer is not None:
        vq = {"tokenizer": str(trained_vocabulary(study, tokenizer))}
        asked = merged(asked, {"method": {"targets": {"vq": vq}}})
    content |= {
        "name": name,
        "backbone": study.backbone,
        "data": content["data"] | {part: str(shards / f"{part}{suffix}") for part in ("train", "validation")},
    }
    content = merged(content, {"training": {"seen": study.seen, **study.training}})
    content = merged(content, asked)
    content["training"]["validate_every"] = -(-content["training"]["seen"] // VALIDATIONS)
    return Recipe.model_validate(content)


def jets_of(study: Study, name: str) -> str:
    """Which jets an encoder is trained and judged on: the end of the names of their shards."""
    suffix: str = (study.encoders | study.ladder)[name].get("jets", "")
    return suffix


def pretrained(study: Study, name: str) -> Path:
    """Folder of the checkpoint, trained now unless it was."""
    result = pretrain(recipe_of(study, name), study.work / "encoders", show_progress=False)
    if not result.finished:
        raise RecipeError(f"the pretraining of {name} was interrupted: start the study again to go on")
    return result.folder / ("best" if name.startswith("supervised") else "last")


def encoder(study: Study, name: str) -> torch.nn.Module:
    """The backbone, to embed jets with."""
    if name in REFERENCES:
        torch.manual_seed(0)
        return _config(study).build(ShardDataset(study.work / "shards" / "test").level)
    return load_checkpoint(pretrained(study, name))[0].backbone


def _config(study: Study) -> Any:
    from pydantic import TypeAdapter

    from coffea_fm.nn.backbones import AnyBackboneConfig

    return TypeAdapter(AnyBackboneConfig).validate_python(study.backbone)
