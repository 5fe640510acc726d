"""Truth labels of tokens: extra fields behind the inputs of the first group.

They are sorted, truncated and padded together with the tokens, and therefore always match them.
"""

from __future__ import annotations

from torch import Tensor

from coffea_fm.nn.batches import Batch
from coffea_fm.nn.inputs import Inputs


def split_truth(part: Batch, n_truth: int) -> tuple[Inputs, Tensor, Tensor]:
    """Separate the truth from the inputs of a batch, so that the network cannot read it.

    Returns
    -------
    inputs : Inputs
        The inputs of the network.
    mask : Tensor, bool [jets, tokens]
        True for real tokens of the first group.
    truth : Tensor, float32 [jets, tokens, n_truth]
        The last `n_truth` fields.
    """
    name, tokens = next(iter(part.inputs.members.items()))
    readable = tokens._replace(values=tokens.values[..., :-n_truth])
    inputs = part.inputs._replace(members={**part.inputs.members, name: readable})
    return inputs, tokens.mask, tokens.values[..., -n_truth:]


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values of each jet, 0 if there are none; both [jets, ...]."""
    values, chosen = values.flatten(1), chosen.flatten(1)
    return values.masked_fill(~chosen, 0.0).sum(dim=1) / chosen.sum(dim=1).clamp(min=1)
