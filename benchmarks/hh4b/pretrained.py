"""The backbones of the study: pretrained by the recipes in ``models/`` on jets of the analysis' range."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from data import events_of
from study import MODELS, UNTRAINED, Study, merged

from coffea_fm.errors import RecipeError
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.training import Recipe, load_recipe, pretrain
from coffea_fm.training.data.embeddings import embed_shards

VALIDATIONS = 6


def pretraining_recipe(study: Study, name: str) -> Recipe:
    """The recipe of the zoo, with the study's network, jets and number of seen jets."""
    asked = dict(study.pretrainings[name])
    content = yaml.safe_load((MODELS / asked.pop("recipe") / "recipe.yaml").read_text())
    shards, jets = study.work / "shards" / "jets", asked.pop("jets", "")
    folders = {"train": f"train{jets}", "validation": "validation-hbb" if jets else "validation"}
    asked.pop("keep")
    content |= {"name": name, "backbone": study.backbone}
    content["data"] |= {part: str(shards / folder) for part, folder in folders.items()}
    content = merged(merged(content, {"training": study.pretraining}), asked)
    content["training"]["validate_every"] = -(-content["training"]["seen"] // VALIDATIONS)
    return Recipe.model_validate(content)


def pretrained(study: Study, name: str) -> Path:
    """Folder of the checkpoint, trained now unless it was."""

    def trained() -> dict[str, Any]:
        result = pretrain(pretraining_recipe(study, name), study.work / "pretrained", show_progress=False)
        if not result.finished:
            raise RecipeError(f"the pretraining of {name} was interrupted: start the study again to go on")
        return {"checkpoint": str(result.folder / study.pretrainings[name]["keep"]), **result.metrics}

    return Path(study.result(f"pretrained/{name}", trained)["checkpoint"])


def prepare_backbone(study: Study, name: str) -> None:
    """Pretrain a backbone, and embed all jets of the events with it."""
    model, _ = load_checkpoint(pretrained(study, name))
    event = load_recipe(MODELS / "hh4b-frozen-embedding" / "recipe.yaml").event
    assert event is not None
    level = event.build(model.level, [event.order])
    for sample in ("train", "test"):
        embed_shards(model, ShardDataset(events_of(study, sample), level), cache=embeddings(study))


def embeddings(study: Study) -> Path:
    """Where the embeddings of backbones that stay as they are are kept, for the trainings on events too."""
    return study.work / "events" / "embeddings"


def start_of(study: Study, name: str) -> dict[str, Any]:
    """What the section ``start`` of a recipe says of where to start from."""
    return {} if name == UNTRAINED else {"checkpoint": str(pretrained(study, name))}
