"""Several views of all jets of a step, for methods that compare jets with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.nn.batches import Examples, column_tensors, make_inputs
from coffea_fm.nn.grouping import cheapest_groups
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import Level, Packed

Groups = list[tuple[Tensor, Inputs]]


class Views(NamedTuple):
    """Views of the same jets.

    Attributes
    ----------
    views : list of list of (Tensor, Inputs)
        For each network, its views in groups of similar length: the indices of the jets in the concatenated views of
        this network, int64 [n], and the padded jets.
    columns : dict of str to Tensor [jets]
        Numbers stored per jet.
    weight : Tensor, float32 [jets]
        Weights.
    """

    views: list[Groups]
    columns: dict[str, Tensor]
    weight: Tensor


def padded_views(
    examples: Examples,
    versions: Sequence[Sequence[Packed]],
    level: Level,
    micro_tokens: int,
    device: torch.device | str,
) -> Views:
    """Group the jets of all views by length, and pad them.

    Parameters
    ----------
    examples : Examples
        The original jets, with their columns and weights.
    versions : sequence of sequence of Packed
        The views for each network; each has the same jets in the same order.
    level : Level
        Describes them.
    micro_tokens : int
        Maximum number of padded tokens in a group.
    device : torch.device
        Device of the tensors.
    """
    views = []
    for packed in map(Packed.concatenate, versions):
        groups: Groups = []
        for jets in cheapest_groups(packed.n_tokens, micro_tokens):
            inputs = make_inputs(packed.take(jets), level, micro_tokens, device)
            groups.append((torch.as_tensor(jets, device=device), inputs))
        views.append(groups)
    return Views(views, column_tensors(examples.columns, device), torch.as_tensor(examples.weight, device=device))


def embed(backbone: nn.Module, groups: Groups, n_jets: int) -> Tensor:
    """Embed all views of a network, in the order of the jets: [views, jets, dim]."""
    order = torch.argsort(torch.cat([jets for jets, _ in groups]))
    embeddings = torch.cat([backbone(inputs).embedding for _, inputs in groups])[order]
    return embeddings.view(-1, n_jets, embeddings.shape[-1])
