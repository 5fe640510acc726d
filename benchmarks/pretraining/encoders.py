"""The encoders of the study: pretrained by the recipes in ``models/``, or with random weights."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import TypeAdapter
from study import MODELS, Study, merged
from vocabularies import trained_vocabulary

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones import AnyBackboneConfig
from coffea_fm.nn.checkpoint import load_checkpoint, save_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe

VALIDATIONS = 4
RATE_EXPONENT = 0.5
"""Of the learning rate in the size of a step, for Adam (arXiv:2205.10287)."""


def is_reference(study: Study, name: str) -> bool:
    """Whether nothing has trained this encoder: it has no recipe, and no weights of another."""
    return not {"recipe", "of"} & set((study.encoders | study.ladder)[name])


def backbone_of(study: Study, name: str) -> dict[str, Any]:
    """The network of an encoder: that of the study with changes, or another kind of network."""
    asked = (study.encoders | study.ladder)[name]
    own: dict[str, Any] = asked.get("backbone", {})
    if "of" in asked:
        return merged(backbone_of(study, asked["of"]), own)
    if own == "of the recipe":
        found: dict[str, Any] = yaml.safe_load((MODELS / asked["recipe"] / "recipe.yaml").read_text())["backbone"]
        return found
    return own if own.get("kind", study.backbone["kind"]) != study.backbone["kind"] else merged(study.backbone, own)


def recipe_of(study: Study, name: str) -> Recipe:
    """The recipe of an encoder: that of the zoo, with the study's network, jets and number of seen jets."""
    asked = dict((study.encoders | study.ladder)[name])
    content = yaml.safe_load((MODELS / asked.pop("recipe") / "recipe.yaml").read_text())
    shards = study.work / "shards"
    suffix = asked.pop("pretrained_on", "") or jets_of(study, name)
    asked.pop("jets", None)
    asked.pop("backbone", None)
    tokenizer = asked.pop("tokenizer", None)
    if tokenizer is not None:
        vq = {"tokenizer": str(trained_vocabulary(study, tokenizer))}
        reads_codes = content["method"]["kind"] == "omnijet"
        asked = merged(asked, {"method": vq if reads_codes else {"targets": {"vq": vq}}})
    content |= {
        "name": name,
        "backbone": backbone_of(study, name),
        "data": content["data"] | {part: str(shards / f"{part}{suffix}") for part in ("train", "validation")},
    }
    larger = study.training["batch_tokens"] / content["training"]["batch_tokens"]
    rate = content["training"]["lr"] * larger**RATE_EXPONENT
    content = merged(content, {"training": {"seen": study.seen, "lr": rate, **study.training}})
    content = merged(content, asked)
    content["training"]["validate_every"] = -(-content["training"]["seen"] // VALIDATIONS)
    return Recipe.model_validate(content)


def jets_of(study: Study, name: str) -> str:
    """Which jets an encoder is trained and judged on: the end of the names of their shards."""
    suffix: str = (study.encoders | study.ladder)[name].get("jets", "")
    return suffix


def pretrained(study: Study, name: str) -> Path:
    """Folder of the checkpoint, trained now unless it was."""
    asked = (study.encoders | study.ladder)[name]
    if "of" in asked:
        return with_weights_of(study, name, asked["of"], asked.get("lowest", study.backbone["layers"]))
    study.result(f"costs/{name}", lambda: pretrain_now(study, name))
    learns_from_labels = bool(recipe_of(study, name).method.heads.get("jet"))
    return study.work / "encoders" / name / ("best" if learns_from_labels else "last")


def with_weights_of(study: Study, name: str, of: str, lowest: int) -> Path:
    """Folder of an encoder with the weights of another in so many blocks and in what comes before them."""
    folder = study.work / "encoders" / name
    model, checkpoint = load_checkpoint(pretrained(study, of))
    network = checkpoint.network.model_copy(update={"backbone": backbone_config(study, name)})
    torch.manual_seed(0)
    weights, trained = network.build().state_dict(), model.state_dict()
    layers = study.backbone["layers"]
    above = tuple(f"blocks.{number}." for number in range(lowest, layers))
    above += ("norm.", "readout.") if lowest < layers else ()
    weights |= {key: trained[key] for key in weights if not key.removeprefix("backbone.").startswith(above)}
    save_checkpoint(folder, weights, network, checkpoint.provenance)
    return folder


def backbone_config(study: Study, name: str) -> Any:
    """The network of an encoder, to be built."""
    return TypeAdapter(AnyBackboneConfig).validate_python(backbone_of(study, name))


def pretrain_now(study: Study, name: str) -> dict[str, Any]:
    """Train an encoder; the ``core_minutes`` of this process, none if the training began in another one."""
    resumed = (study.work / "encoders" / name / "last").exists()
    began = time.process_time()
    result = pretrain(recipe_of(study, name), study.work / "encoders", show_progress=False)
    if not result.finished:
        raise RecipeError(f"the pretraining of {name} was interrupted: start the study again to go on")
    return {"core_minutes": None if resumed else (time.process_time() - began) / 60, "seen": result.seen}


def encoder(study: Study, name: str) -> torch.nn.Module:
    """The backbone, to embed jets with."""
    if is_reference(study, name):
        torch.manual_seed(0)
        backbone: torch.nn.Module = backbone_config(study, name).build(
            ShardDataset(study.work / "shards" / "test").level
        )
        return backbone
    return load_checkpoint(pretrained(study, name))[0].backbone
