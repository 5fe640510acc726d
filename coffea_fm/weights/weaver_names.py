"""Convert the weights of weaver-core's ParticleTransformer and ParticleNet to our names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from coffea_fm.errors import InputError

State = dict[str, Tensor]

_BLOCK = {
    "pre_attn_norm.": "attention_norm.",
    "attn.in_proj.": "attention.project_in.",
    "attn.in_proj_": "attention.project_in.",
    "attn.out_proj.": "attention.project_out.",
    "c_attn": "attention_scale",
    "post_attn_norm.": "attention_out_norm.",
    "pre_fc_norm.": "feed_forward.0.",
    "w_resid": "residual_scale",
}
_NORMFORMER = {"fc1.": "feed_forward.1.", "post_fc_norm.": "feed_forward.4.", "fc2.": "feed_forward.5."}
_GATED = {"fc1_g.": "feed_forward.1.gate.", "fc1.": "feed_forward.1.value.", "fc2.": "feed_forward.3."}
_TRANSFORMER = {"embed.input_bn.": "embed.0.", "cls_token": "class_token", "norm.": "norm."}
_NET = {"bn_fts.": "norm.", "fusion_block.0.": "fusion.linear.", "fusion_block.1.": "fusion.norm."}
_EDGE_CONV = {"sc.": "shortcut.linear.", "sc_bn.": "shortcut.norm."}


class Converted(NamedTuple):
    """Weights under our names.

    Attributes
    ----------
    backbone : dict of str to Tensor
        For `load_state_dict` of the backbone.
    head : dict of str to Tensor
        For `ClassificationHead.load_state_dict`, for a linear head.
    """

    backbone: State
    head: State


def unwrapped(state: Mapping[str, Tensor]) -> State:
    """Remove the prefixes of wrappers (``mod.``, ``module.``) from the names."""
    return {re.sub(r"^((mod|module|_orig_mod)\.)+", "", name): tensor for name, tensor in state.items()}


def from_weaver_state(state: Mapping[str, Tensor]) -> Converted:
    """Convert a state dict of weaver-core's ParticleTransformer, version 1, 2 or 3, with a linear head.

    Parameters
    ----------
    state : mapping of str to Tensor
        As returned by ``torch.load``; prefixes of wrappers are removed.

    Raises
    ------
    InputError
        If the state dict contains an unknown name.
    """
    state = unwrapped(state)
    block = _BLOCK | (_GATED if any(".fc1_g." in name for name in state) else _NORMFORMER)
    converted = _converted(state, "fc.0.", lambda name: _of_transformer(name, block))
    for name, tensor in list(converted.backbone.items()):
        # Version 3 has no biases, which have no effect before a batch norm: ours are zero.
        if re.fullmatch(r"pair_bias\.layers\.\d+\.linear\.weight", name):
            converted.backbone.setdefault(name.replace(".weight", ".bias"), torch.zeros(len(tensor)))
    return converted


def from_weaver_particle_net(state: Mapping[str, Tensor]) -> Converted:
    """Convert a state dict of weaver-core's ParticleNet; see `from_weaver_state`."""
    state = unwrapped(state)
    last = max((int(match[1]) for name in state if (match := re.match(r"fc\.(\d+)\.", name))), default=0)
    return _converted(state, f"fc.{last}.", _of_net)


def _converted(state: State, head: str, rename: Callable[[str], str]) -> Converted:
    """Rename all weights. Those of 1x1 convolutions become matrices."""
    converted = Converted({}, {})
    for name, tensor in state.items():
        if name.startswith(head):
            converted.head[f"layers.1.{name.removeprefix(head)}"] = tensor
        else:
            convolution = name.endswith(".weight") and tensor.dim() > 2
            converted.backbone[rename(name)] = tensor.flatten(1) if convolution else tensor
    return converted


def _of_transformer(name: str, block: Mapping[str, str]) -> str:
    if match := re.match(r"(cls_)?blocks\.(\d+)\.(.+)", name):
        prefix = f"{'class_blocks' if match[1] else 'blocks'}.{match[2]}."
        return prefix + _replace(match[3], block, name)
    if match := re.match(r"embed\.embed\.(\d+)\.(.+)", name):
        return f"embed.{int(match[1]) + 1}.{match[2]}"
    if match := re.match(r"pair_embed\.embed\.(\d+)\.(.+)", name):
        return _pair_layer(int(match[1]), match[2])
    return _replace(name, _TRANSFORMER, name)


def _pair_layer(position: int, rest: str) -> str:
    # weaver-core: batch norm of the inputs, then repeated (convolution, batch norm, activation).
    if position == 0:
        return f"pair_bias.norm.{rest}"
    return f"pair_bias.layers.{position // 3}.{'linear' if position % 3 == 1 else 'norm'}.{rest}"


def _of_net(name: str) -> str:
    if match := re.match(r"edge_convs\.(\d+)\.(convs|bns)\.(\d+)\.(.+)", name):
        part = "linear" if match[2] == "convs" else "norm"
        return f"convolutions.{match[1]}.layers.{match[3]}.{part}.{match[4]}"
    if match := re.match(r"edge_convs\.(\d+)\.(.+)", name):
        return f"convolutions.{match[1]}.{_replace(match[2], _EDGE_CONV, name)}"
    if match := re.match(r"fc\.(\d+)\.0\.(.+)", name):
        return f"hidden.{match[1]}.{match[2]}"
    return _replace(name, _NET, name)


def _replace(name: str, names: Mapping[str, str], whole: str) -> str:
    for theirs, ours in names.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    raise InputError(
        f"{whole!r} is not a weight of weaver-core's ParticleNet or ParticleTransformer (versions 1, 2 and 3), "
        "and no other network can be converted"
    )
