"""Convert the weights of OmniLearned's PET2 to our names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from coffea_fm.errors import InputError
from coffea_fm.nn.backbones.pet2 import SIZES, PET2Config

_BODY = {
    "embed.mlp.": "embed.",
    "embed.norm.": "embed_norm.",
    "interaction.mlp.": "pair_bias.",
    "local_physics.": "local.",
    "pid_embed.0.": "embed_identity.",
    "add_embed.0.": "embed_track.",
    "MPFourier.": "embed_time.",
    "time_embed.": "embed_time.layers.",
    "in_blocks.": "blocks.",
    "norm.": "norm.",
}
_CLASSIFIER = {"in_blocks.": "class_blocks.", "fc.": "last."}
_GENERATOR = {"pid_embed.": "embed_class.", "in_blocks.": "blocks.", "fc.0.": "last.", "out.": "out."}


class OmniLearnedWeights(NamedTuple):
    """What a checkpoint of OmniLearned holds, in our terms.

    Attributes
    ----------
    config : PET2Config
    backbone : dict of str to Tensor
        For `PET2.load_state_dict`.
    head : dict of str to Tensor
        For `ClassificationHead.load_state_dict`, for a linear head. Empty without a classifier.
    """

    config: PET2Config
    backbone: dict[str, Tensor]
    head: dict[str, Tensor]


def from_omnilearned_state(body: Mapping[str, Tensor], classifier: Mapping[str, Tensor]) -> OmniLearnedWeights:
    """Convert the ``body`` and the ``classifier_head`` of a checkpoint of OmniLearned.

    The configuration is read off the names and shapes of the weights. The number of heads cannot be, and is that of the
    published size with this width.

    Raises
    ------
    InputError
        If a name is unknown, or the width is none of a published size.
    """
    try:
        config = _config(body)
        backbone = {_renamed(name, _BODY): tensor for name, tensor in body.items()}
        head = {}
        for name, tensor in classifier.items():
            if name.startswith("out."):
                head[f"layers.1.{name.removeprefix('out.')}"] = tensor
            else:
                backbone[_renamed(name, _CLASSIFIER)] = tensor
    except KeyError as error:
        raise InputError(
            f"{error.args[0]!r} is not what PET2 of OmniLearned has: give a checkpoint of its published sizes "
            f"({', '.join(SIZES)}) for jets, without global conditions"
        ) from None
    return OmniLearnedWeights(config, backbone, head)


def from_generator_state(generator: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the ``generator_head`` of a checkpoint of OmniLearned, for `PetGenerator.load_state_dict`.

    Raises
    ------
    InputError
        If a name is unknown.
    """
    try:
        return {_renamed(name, _GENERATOR): tensor for name, tensor in generator.items()}
    except KeyError as error:
        raise InputError(f"{error.args[0]!r} is not what the generator of OmniLearned has") from None


def _config(body: Mapping[str, Tensor]) -> PET2Config:
    _, class_tokens, dim = body["token"].shape
    sizes = {size["dim"]: name for name, size in SIZES.items()}
    if dim not in sizes:
        raise KeyError(f"width {dim}")
    features = "jetclass" if "add_embed.0.fc1.weight" in body else "identified"
    pair_bias = "interaction.mlp.fc2.weight" in body
    return PET2Config.model_validate(
        {
            "size": sizes[dim],
            "class_tokens": class_tokens,
            "layers": _count(body, "in_blocks"),
            "class_layers": _count(body, "local_physics.in_blocks"),
            "pair_bias": pair_bias,
            **({"heads": len(body["interaction.mlp.fc2.weight"])} if pair_bias else {}),
            "local_pairs": body["local_physics.mlp.fc1.weight"].shape[1] > body["embed.mlp.fc1.weight"].shape[1],
            "features": features if "pid_embed.0.weight" in body else "kinematic",
            "time": "MPFourier.freqs" in body,
        }
    )


def _count(body: Mapping[str, Tensor], prefix: str) -> int:
    found = (re.match(rf"{prefix}\.(\d+)\.", name) for name in body)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def _renamed(name: str, names: Mapping[str, str]) -> str:
    if name == "token":
        return "class_tokens"
    for theirs, ours in names.items():
        if name.startswith(theirs):
            renamed = ours + name.removeprefix(theirs)
            return renamed.replace("attn.in_proj_weight", "attn.project_in.weight").replace(
                "attn.out_proj.", "attn.project_out."
            )
    raise KeyError(name)
