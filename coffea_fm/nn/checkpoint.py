"""Checkpoints: weights as safetensors, next to a self-contained description of the network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final, Literal

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from coffea_fm.config import Config
from coffea_fm.errors import InputError
from coffea_fm.files import atomic
from coffea_fm.nn.backbones import AnyBackboneConfig
from coffea_fm.nn.budget import Budget
from coffea_fm.nn.heads import AnyHeadConfig, JetHeadConfig
from coffea_fm.nn.model import Model, embedded_level
from coffea_fm.tokens import Level
from coffea_fm.tokens.limits import check_level
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.local_files import read_file
from coffea_fm.untrusted.refused import Refused
from coffea_fm.untrusted.safetensors_header import read_metadata

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
MOST_JSON: Final = 2**24


class NetworkConfig(Config):
    """Everything needed to build a network, except its weights.

    Parameters
    ----------
    level : Level
        Its inputs.
    backbone : BackboneConfig
    head : HeadConfig, optional
    classes : tuple of str
        Classes of the training examples.
    jet_head : JetHeadConfig, optional
        Computes the jet scores, for an event head that reads them.
    """

    level: Level
    backbone: AnyBackboneConfig
    head: AnyHeadConfig | None = None
    classes: tuple[str, ...] = ()
    jet_head: JetHeadConfig | None = None

    def build(self) -> Model:
        """Build the network, initialised from torch's global random state.

        Raises
        ------
        RecipeError
            If an input of the backbone or the head is missing from the level.
        """
        check_level(self.level)
        backbone = self.backbone.build(embedded_level(self.level))
        head = None
        if self.head is not None:
            head = self.head.build(self.level, backbone.dim, self.classes, self.jet_head)
        return Model(backbone, head, self.level)


class Checkpoint(Config):
    """The description stored next to the weights.

    Parameters
    ----------
    schema_version : int
        Version of this description.
    network : NetworkConfig
    provenance : dict
        Origin of the weights, for people and model cards; it does not affect the network. Training writes ``recipe``,
        ``data`` (the folder of the shards), ``seed``, ``step``, ``seen`` and ``metrics``.
    """

    schema_version: Literal[2] = 2
    network: NetworkConfig
    provenance: dict[str, Any] = {}


def save_checkpoint(
    folder: Path, weights: dict[str, Tensor], network: NetworkConfig, provenance: dict[str, Any]
) -> None:
    """Write weights and description. Each file is written atomically.

    Parameters
    ----------
    folder : Path
    weights : dict of str to Tensor
        State dict of the model.
    network : NetworkConfig
    provenance : dict
        Any JSON-serialisable values; see `Checkpoint`.
    """
    save_tensors(folder / WEIGHTS, weights)
    content = Checkpoint(network=network, provenance=provenance).model_dump_json(indent=1)
    with atomic(folder / CONFIG) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def load_checkpoint(folder: str | os.PathLike[str]) -> tuple[Model, Checkpoint]:
    """Load a trained network, in evaluation mode, and its description.

    Raises
    ------
    InputError
        If the folder is not a checkpoint, or its weights do not match its description.
    """
    path = Path(folder)
    try:
        checkpoint = Checkpoint.model_validate(parse_json(read_file(path / CONFIG, MOST_JSON)))
        weights, _ = load_tensors(path / WEIGHTS)
        with Budget(sum(tensor.nbytes for tensor in weights.values())):
            model = checkpoint.network.build()
        model.load_state_dict(weights)
    except OSError as error:
        raise InputError(
            f"{path} is not a checkpoint ({error.strerror}): give a folder such as runs/NAME/best"
        ) from error
    except (ValueError, RuntimeError) as error:  # also of levels and networks that cannot be built
        raise InputError(f"the checkpoint {path} does not fit this coffea-fm: {error}") from error
    return model.eval(), checkpoint


def save_tensors(path: Path, tensors: dict[str, Tensor], about: object = None) -> None:
    """Write tensors and JSON-serialisable metadata to one file, atomically."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic(path) as temporary:
        save_file(contiguous, temporary, metadata={"about": json.dumps(about)})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], object]:
    """Read a file written by `save_tensors`.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    try:
        about = read_metadata(path).get("about", "null")
        return load_file(path), parse_json(about)
    except (SafetensorError, Refused) as error:
        raise InputError(f"{path} is damaged ({error}): delete it, or take another checkpoint") from error
