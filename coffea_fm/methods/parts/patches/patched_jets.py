"""Batches of jets with some of their patches hidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from coffea_fm.methods.parts.masked_jets import MaskedJets, vectors_at
from coffea_fm.methods.parts.patches.hiding import NOT_HIDDEN, HiddenPatches
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.grouping import cheapest_groups
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.tokens import Level, pad


class PatchedJets(NamedTuple):
    """A batch of jets, with their particles split into visible ones and those of hidden patches.

    Attributes
    ----------
    jets : MaskedJets
    patch : Tensor, int64 [jets, hidden]
        Patch of each hidden particle, from 0; padding belongs to one more patch behind all others.
    mask : Tensor, bool [jets, patches]
        True for real hidden patches.
    centre : Tensor, float32 [jets, patches, 2]
        Their η and φ relative to the axis of the jet.
    position : Tensor, float32 [jets, visible, 2]
        η and φ of the visible particles.
    """

    jets: MaskedJets
    patch: Tensor
    mask: Tensor
    centre: Tensor
    position: Tensor

    @classmethod
    def of(cls, whole: Inputs, weight: Tensor) -> PatchedJets:
        """Split jets of which `HiddenPatches` has chosen the hidden patches."""
        known = whole.tokens.known
        number = known["hidden_patch"].squeeze(-1).long().masked_fill(~whole.tokens.mask, NOT_HIDDEN)
        jets = MaskedJets.of(whole, number != NOT_HIDDEN, weight)
        n_patches = int(number.max()) + 1 if number.numel() else 0
        patch = number.gather(1, jets.hidden.place).masked_fill(~jets.hidden.mask, n_patches)
        mask = torch.arange(n_patches, device=number.device) <= number.amax(dim=1, keepdim=True)
        centre = vectors_at(known["centre"], jets.hidden.place)
        position = vectors_at(known["position"], jets.visible.place)
        patched = cls(jets, patch, mask, mask.new_empty(0), position)
        return patched._replace(centre=patched.mean_by_patch(centre))

    def of_hidden_particles(self, vectors: Tensor) -> Tensor:
        """Select the vectors of hidden particles among those of all particles: [jets, tokens, dim] to [jets, hidden, dim]."""
        return vectors_at(vectors, self.jets.hidden.place)

    def mean_by_patch(self, vectors: Tensor) -> Tensor:
        """Mean over the particles of each hidden patch: [jets, hidden, dim] to [jets, patches, dim]."""
        n_jets, n_patches = self.mask.shape
        vectors = torch.cat((vectors, torch.ones_like(vectors[..., :1])), dim=-1)
        sums = vectors.new_zeros(n_jets, n_patches + 1, vectors.shape[-1])
        sums = sums.scatter_add(1, self.patch.unsqueeze(-1).expand_as(vectors), vectors)[:, :-1]
        return sums[..., :-1] / sums[..., -1:].clamp(min=1)

    def mean_of_patches(self, values: Tensor) -> Tensor:
        """Mean over the hidden patches of each jet: [jets, patches] to [jets]; 0 for a jet without any."""
        return values.masked_fill(~self.mask, 0.0).sum(dim=1) / self.mask.sum(dim=1).clamp(min=1)


class PatchedStep(NamedTuple):
    """Jets in groups of similar length.

    Attributes
    ----------
    groups : list of PatchedJets
    weight : Tensor, float32 [jets]
        Weights of the jets, group by group.
    """

    groups: list[PatchedJets]
    weight: Tensor


def patched_steps(
    examples: Examples,
    level: Level,
    hidden: HiddenPatches,
    micro_tokens: int,
    device: torch.device,
    random: np.random.Generator,
    *,
    together: bool,
) -> Iterator[PatchedStep]:
    """Hide patches, and group jets by their number of visible particles, at most `micro_tokens` per group.

    Yields
    ------
    PatchedStep
        One group each, or all groups if the method compares jets with each other (`together`).
    """
    chosen = hidden(examples.packed, level, random)
    tokens = chosen.members[only_member(level).name]
    visible = tokens.things.known["hidden_patch"][:, 0] == NOT_HIDDEN
    lengths = np.bincount(tokens.parents, visible, len(chosen)).astype(np.int64)
    groups = []
    for rows in cheapest_groups(lengths, micro_tokens):
        inputs = Inputs.from_arrays(pad(chosen.take(rows), level), level, device)
        groups.append(PatchedJets.of(inputs, torch.as_tensor(examples.weight[rows], device=device)))
        if not together:
            yield PatchedStep(groups, groups[0].jets.weight)
            groups = []
    if groups:
        yield PatchedStep(groups, torch.cat([group.jets.weight for group in groups]))
