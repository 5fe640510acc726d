"""Checkpoints: weights as safetensors beside a configuration that says how to build the network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from coffea_fm.errors import InputError
from coffea_fm.files import atomic
from coffea_fm.nn.build import Model, build_model
from coffea_fm.nn.events import JetHead, build_event_model
from coffea_fm.nn.heads.deep_sets import DeepSetsConfig
from coffea_fm.nn.heads.event_transformer import EventTransformerConfig
from coffea_fm.tokens import InputSpec
from coffea_fm.training.recipe.recipe import Recipe

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


class CheckpointConfig(BaseModel):
    """All that the weights do not say.

    Parameters
    ----------
    schema_version : int
        Version of this description.
    recipe : Recipe
        How the network was built and trained.
    spec : InputSpec
        What it reads.
    classes : tuple of str
        Names of its outputs.
    step, seen_jets : int
        How far the training was.
    metrics : dict of str to float
        Means over the validation jets.
    jet_head : JetHead, optional
        What gives the scores of jets that the head of a model of events reads.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    recipe: Recipe
    spec: InputSpec
    classes: tuple[str, ...]
    step: int
    seen_jets: int
    metrics: dict[str, float]
    jet_head: JetHead | None = None


def build_from(recipe: Recipe, spec: InputSpec, classes: tuple[str, ...], jet_head: JetHead | None = None) -> Model:
    """The network of a recipe, with random weights."""
    head = recipe.head
    if isinstance(head, DeepSetsConfig | EventTransformerConfig):
        assert recipe.event is not None
        return build_event_model(recipe.backbone, head, spec, recipe.event.spec(), len(classes), jet_head)
    return build_model(recipe.backbone, head, spec, len(classes))


def save_checkpoint(folder: Path, weights: dict[str, Tensor], config: CheckpointConfig) -> None:
    """Write weights and configuration; each file is complete or absent."""
    save_tensors(folder / WEIGHTS, weights)
    with atomic(folder / CONFIG) as temporary:
        temporary.write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")


def load_checkpoint(folder: str | os.PathLike[str]) -> tuple[Model, CheckpointConfig]:
    """The trained network, in evaluation mode, and its description.

    Raises
    ------
    InputError
        If the folder is not a checkpoint, or its weights do not fit its configuration.
    """
    path = Path(folder)
    try:
        config = CheckpointConfig.model_validate_json((path / CONFIG).read_text(encoding="utf-8"))
        weights, _ = load_tensors(path / WEIGHTS)
        model = build_from(config.recipe, config.spec, config.classes, config.jet_head)
        model.load_state_dict(weights)
    except OSError as error:
        raise InputError(
            f"{path} is not a checkpoint ({error.strerror}): give a folder such as runs/NAME/best"
        ) from error
    except (ValidationError, RuntimeError) as error:
        raise InputError(f"the checkpoint {path} does not fit this coffea-fm: {error}") from error
    return model.eval(), config


def save_tensors(path: Path, tensors: dict[str, Tensor], about: object = None) -> None:
    """Write tensors, and anything that JSON can hold, as one complete file."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic(path) as temporary:
        save_file(contiguous, temporary, metadata={"about": json.dumps(about)})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], object]:
    """What `save_tensors` wrote.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = (file.metadata() or {}).get("about", "null")
        return load_file(path), json.loads(about)
    except SafetensorError as error:
        raise InputError(f"{path} is damaged ({error}): delete it, or take another checkpoint") from error
