"""Checkpoints of OmniLearned (arXiv:2510.24066) to a network of ours, whose configuration is read off the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from coffea_fm.errors import InputError
from coffea_fm.methods.flow.jets import JetFlow, JetFlowConfig
from coffea_fm.methods.parts.generation.flow import MEAN
from coffea_fm.nn.backbones.pet2 import PET2
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.model import Model
from coffea_fm.tokens import jet_level, token_level
from coffea_fm.weights.omnilearned_names import from_generator_state, from_omnilearned_state
from coffea_fm.weights.options import OmniLearnedOptions

BODY: Final = "body"
CLASSIFIER: Final = "classifier_head"
GENERATOR: Final = "generator_head"
_FIELDS: Final = {
    "kinematic": ("pt", "eta", "phi", "mass"),
    "identified": ("pt", "eta", "phi", "mass", "pdgId"),
    "jetclass": ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error"),
}


def is_omnilearned(content: object) -> bool:
    """Whether the content of a file written by ``torch.save`` is a checkpoint of OmniLearned."""
    return isinstance(content, Mapping) and isinstance(content.get(BODY), Mapping)


def read_omnilearned(content: Mapping[str, Any], options: OmniLearnedOptions) -> tuple[Model, NetworkConfig]:
    """Build the network of a checkpoint and load the weights.

    Raises
    ------
    InputError
        If it has no classifier, is not of a published size, or has another number of classes than are named.
    """
    if CLASSIFIER not in content:
        raise InputError(
            f"this checkpoint of OmniLearned has no {CLASSIFIER!r}: give a checkpoint of a classifier or of a pretraining"
        )
    found = from_omnilearned_state(content[BODY], content[CLASSIFIER])
    count = len(found.head["layers.1.bias"])
    classes = options.classes or tuple(f"class_{index}" for index in range(count))
    if len(classes) != count:
        raise InputError(f"the checkpoint has {count} classes, but the mapping names {len(classes)}: name them all")
    fields = _FIELDS[found.config.features]
    tokens = token_level("constituents", fields, minimum=1, maximum=options.max_tokens)
    config = NetworkConfig(
        level=jet_level((tokens,), ("pt_raw", "eta", "phi")),
        backbone=found.config,
        head=ClassificationHeadConfig(),
        classes=classes,
    )
    network = config.build().eval()
    try:
        network.backbone.load_state_dict(found.backbone)
        assert network.head is not None
        network.head.load_state_dict(found.head)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"the weights do not fit the PET2 of OmniLearned 0.2 ({reason})") from error
    return network, config


def save_generator(content: Mapping[str, Any], network: Model, folder: Path) -> None:
    """Write the generator of a checkpoint, if there is one that makes jets, next to the imported checkpoint.

    Raises
    ------
    InputError
        If the weights do not fit.
    """
    state = from_generator_state(content.get(GENERATOR, {}))
    timed = isinstance(network.backbone, PET2) and network.backbone.config.time
    if not timed or "out.bias" not in state or len(state["out.bias"]) != len(MEAN):  # other heads have other outputs
        return
    classes = len(state["embed_class.0.weight"]) if "embed_class.0.weight" in state else 0
    flow = JetFlow(JetFlowConfig(classes=classes), network, classes)
    try:
        flow.generator.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"the generator does not fit that of OmniLearned 0.2 ({reason})") from error
    flow.describe(folder)
