"""Convert the weights of weaver-core's ParticleTransformer to our names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from coffea_fm.errors import InputError

_BLOCK = {
    "pre_attn_norm.": "attention_norm.",
    "attn.in_proj.": "attention.project_in.",
    "attn.in_proj_": "attention.project_in.",
    "attn.out_proj.": "attention.project_out.",
    "c_attn": "attention_scale",
    "post_attn_norm.": "attention_out_norm.",
    "pre_fc_norm.": "feed_forward.0.",
    "fc1.": "feed_forward.1.",
    "post_fc_norm.": "feed_forward.4.",
    "fc2.": "feed_forward.5.",
    "w_resid": "residual_scale",
}
_BACKBONE = {
    "embed.input_bn.": "embed.0.",
    "cls_token": "class_token",
    "norm.": "norm.",
}


def from_weaver_state(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Convert a state dict of weaver-core's ParticleTransformer (version 1).

    Parameters
    ----------
    state : mapping of str to Tensor
        As returned by ``torch.load``; wrapper prefixes (``mod.``, ``module.``) are removed.

    Returns
    -------
    backbone : dict of str to Tensor
        For `ParticleTransformer.load_state_dict`.
    head : dict of str to Tensor
        For `ClassificationHead.load_state_dict`, for a linear head.

    Raises
    ------
    InputError
        If the state dict contains an unknown name.
    """
    backbone, head = {}, {}
    for wrapped, tensor in state.items():
        name = re.sub(r"^((mod|module)\.)+", "", wrapped)
        if name.startswith("fc.0."):
            head[f"layers.1.{name.removeprefix('fc.0.')}"] = tensor
        else:
            # weaver-core applies 1x1 convolutions to the pair features, where we have linear layers.
            convolution = name.startswith("pair_embed.") and tensor.dim() == 3
            backbone[_rename(name)] = tensor.squeeze(-1) if convolution else tensor
    return backbone, head


def _rename(name: str) -> str:
    if match := re.match(r"(cls_)?blocks\.(\d+)\.(.+)", name):
        prefix = f"{'class_blocks' if match[1] else 'blocks'}.{match[2]}."
        return prefix + _replace(match[3], _BLOCK, name)
    if match := re.match(r"embed\.embed\.(\d+)\.(.+)", name):
        return f"embed.{int(match[1]) + 1}.{match[2]}"
    if match := re.match(r"pair_embed\.embed\.(\d+)\.(.+)", name):
        return _pair_layer(int(match[1]), match[2])
    return _replace(name, _BACKBONE, name)


def _pair_layer(position: int, rest: str) -> str:
    # weaver-core: batch norm of the inputs, then repeated (convolution, batch norm, activation).
    if position == 0:
        return f"pair_bias.norm.{rest}"
    return f"pair_bias.layers.{position // 3}.{'linear' if position % 3 == 1 else 'norm'}.{rest}"


def _replace(name: str, names: Mapping[str, str], whole: str) -> str:
    for theirs, ours in names.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    raise InputError(
        f"{whole!r} is not a weight of weaver-core's ParticleTransformer, version 1; convert that one only"
    )
