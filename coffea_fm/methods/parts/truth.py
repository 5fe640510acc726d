"""Truth of tokens, which travels with them behind the inputs."""

from __future__ import annotations

from torch import Tensor

from coffea_fm.nn.batches import Batch
from coffea_fm.nn.inputs import Inputs


def split_truth(part: Batch, n_truth: int) -> tuple[Inputs, Tensor]:
    """What the network may read of a batch, and the last fields of its tokens, float32 [sets, tokens, n_truth]."""
    tokens = part.inputs.tokens
    return part.inputs._replace(tokens=tokens[..., :-n_truth]), tokens[..., -n_truth:]


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values of each set, 0 without any; both [sets, ...]."""
    values, chosen = values.flatten(1), chosen.flatten(1)
    return values.masked_fill(~chosen, 0.0).sum(dim=1) / chosen.sum(dim=1).clamp(min=1)
