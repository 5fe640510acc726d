"""Checkpoints: weights as safetensors beside a description of their network that stands by itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from coffea_fm.config import Config
from coffea_fm.errors import InputError
from coffea_fm.files import atomic
from coffea_fm.nn.backbones import AnyBackboneConfig
from coffea_fm.nn.heads import AnyHeadConfig, JetHeadConfig
from coffea_fm.nn.model import Model, embedded_level
from coffea_fm.tokens import Level

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


class NetworkConfig(Config):
    """All that makes a network but its weights.

    Parameters
    ----------
    level : Level
        What it reads.
    backbone : BackboneConfig
    head : HeadConfig, optional
    classes : tuple of str
        Classes of the examples that it was trained on.
    jet_head : JetHeadConfig, optional
        What gives the scores of jets that a head of events reads.
    """

    level: Level
    backbone: AnyBackboneConfig
    head: AnyHeadConfig | None = None
    classes: tuple[str, ...] = ()
    jet_head: JetHeadConfig | None = None

    def build(self) -> Model:
        """The network, freshly initialised from torch's global random state.

        Raises
        ------
        RecipeError
            If the level does not have what backbone or head read.
        """
        backbone = self.backbone.build(embedded_level(self.level))
        head = None
        if self.head is not None:
            head = self.head.build(self.level, backbone.dim, self.classes, self.jet_head)
        return Model(backbone, head, self.level)


class Checkpoint(Config):
    """What a checkpoint says beside its weights.

    Parameters
    ----------
    schema_version : int
        Version of this description.
    network : NetworkConfig
    provenance : dict
        Where the weights come from, for people and model cards; no network depends on it. Trainings write ``recipe``,
        ``data`` (the folder of their shards), ``seed``, ``step``, ``seen`` and ``metrics``.
    """

    schema_version: Literal[2] = 2
    network: NetworkConfig
    provenance: dict[str, Any] = {}


def save_checkpoint(
    folder: Path, weights: dict[str, Tensor], network: NetworkConfig, provenance: dict[str, Any]
) -> None:
    """Write weights and description; each file is complete or absent.

    Parameters
    ----------
    folder : Path
    weights : dict of str to Tensor
        The state of the model.
    network : NetworkConfig
    provenance : dict
        Anything that JSON can hold; see `Checkpoint`.
    """
    save_tensors(folder / WEIGHTS, weights)
    content = Checkpoint(network=network, provenance=provenance).model_dump_json(indent=1)
    with atomic(folder / CONFIG) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def load_checkpoint(folder: str | os.PathLike[str]) -> tuple[Model, Checkpoint]:
    """The trained network, in evaluation mode, and its description.

    Raises
    ------
    InputError
        If the folder is not a checkpoint, or its weights do not fit its description.
    """
    path = Path(folder)
    try:
        checkpoint = Checkpoint.model_validate_json((path / CONFIG).read_text(encoding="utf-8"))
        weights, _ = load_tensors(path / WEIGHTS)
        model = checkpoint.network.build()
        model.load_state_dict(weights)
    except OSError as error:
        raise InputError(
            f"{path} is not a checkpoint ({error.strerror}): give a folder such as runs/NAME/best"
        ) from error
    except (ValidationError, RuntimeError) as error:
        raise InputError(f"the checkpoint {path} does not fit this coffea-fm: {error}") from error
    return model.eval(), checkpoint


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
