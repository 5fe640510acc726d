"""What every backbone takes and gives: raw padded tokens in, an embedding and token vectors out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from coffea_fm.errors import RecipeError
from coffea_fm.tokens.spec import InputSpec, TokenGroup


class Inputs(NamedTuple):
    """A padded batch of token sets, as raw fields.

    Attributes
    ----------
    tokens : Tensor, float32 [sets, tokens, fields]
        Raw fields in their canonical units; what a token lacks is 0 and flagged in `missing`.
    mask : Tensor, bool [sets, tokens]
        True for real tokens. What stands in the others never matters.
    missing : Tensor, bool [sets, tokens, missing fields]
        True where a field that single tokens may lack is lacking.
    jet : Tensor, float32 [sets, jet fields]
        Raw fields of the set itself.
    """

    tokens: Tensor
    mask: Tensor
    missing: Tensor
    jet: Tensor

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], spec: InputSpec, device: torch.device | str = "cpu") -> Inputs:
        """Take the padded numpy arrays of a batch, under their graph-input names, as tensors."""
        group = only_group(spec)
        tokens = torch.as_tensor(arrays[group.name], device=device)
        mask = torch.as_tensor(arrays[f"{group.name}_mask"], device=device)
        if group.missing_names:
            missing = torch.as_tensor(arrays[f"{group.name}_missing"], device=device)
        else:
            missing = mask.new_zeros((*mask.shape, 0))
        jet = torch.as_tensor(arrays["jet"], device=device) if spec.jet else tokens.new_zeros((len(tokens), 0))
        return cls(tokens, mask, missing, jet)


class BackboneOutput(NamedTuple):
    """What a backbone makes of a batch.

    Attributes
    ----------
    embedding : Tensor [sets, dim]
        One vector a set; NaN for a set that holds a number which is not finite.
    token_vectors : Tensor [sets, tokens, dim]
        One vector a token, 0 for padding.
    """

    embedding: Tensor
    token_vectors: Tensor


def only_group(spec: InputSpec) -> TokenGroup:
    """The token group of a specification that has just one.

    Raises
    ------
    RecipeError
        If there are several groups, or none.
    """
    if len(spec.groups) != 1:
        names = ", ".join(group.name for group in spec.groups) or "none"
        raise RecipeError(f"these networks read exactly one group of tokens; the inputs name {names}")
    return spec.groups[0]


def not_finite(inputs: Inputs) -> Tensor:
    """Zero for each set of finite numbers and NaN for each other one, to add to its embedding.

    Clipped features can swallow a NaN, and runtimes differ in it; a wrong number must not come out of a wrong input.

    Returns
    -------
    Tensor, float32 [sets, 1]
    """
    tokens = inputs.tokens.masked_fill(~inputs.mask.unsqueeze(-1), 0.0)
    return (tokens * 0.0).sum(dim=(1, 2)).unsqueeze(-1) + (inputs.jet * 0.0).sum(dim=1, keepdim=True)
