"""A backbone with an optional head: one model class for jets, events and any other level."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coffea_fm.nn.backbones import Backbone
from coffea_fm.nn.heads import Head
from coffea_fm.nn.inputs import BackboneOutput, Inputs, Members
from coffea_fm.tokens import Level


class Model(nn.Module):
    """A backbone with an optional head.

    The backbone embeds the things at the top level (jets), or their members (the jets of events). The head makes
    predictions for the top level.

    Parameters
    ----------
    backbone : Backbone
    head : Head, optional
        None for a model pretrained without labels.
    level : Level, optional
        Top level of the inputs; the level of the backbone by default.
    """

    def __init__(self, backbone: Backbone, head: Head | None = None, level: Level | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.level = level or backbone.level

    def forward(self, inputs: Inputs) -> Tensor:
        """Compute the output of the head, e.g. logits [things, classes]; without a head, the embedding."""
        known = self.known(inputs)
        if self.head is None:
            return known["embedding"]
        result: Tensor = self.head(*(known[name] for name in self.head.reads))
        return result

    def known(self, inputs: Inputs) -> dict[str, Tensor]:
        """Everything that the head can read, under the names used in exported graphs.

        A precomputed embedding is used instead of running the backbone.

        Returns
        -------
        dict of str to Tensor
            ``embedding`` [things, dim] and ``token_vectors`` [things, tokens, dim], if the backbone embeds the top
            level; if it embeds its members ``m``, ``m_embedding`` [things, slots, dim]. And of all members, ``m`` [things,
            slots, fields] and ``m_mask`` [things, slots].
        """
        name = self.backbone.level.name
        if name == self.level.name:
            given = {name: members.values for name, members in inputs.members.items()}
            given |= {f"{name}_mask": members.mask for name, members in inputs.members.items()}
            return given | (dict(inputs.known) if "embedding" in inputs.known else self._output(inputs)._asdict())
        members = inputs.members[name]
        return {f"{name}_embedding": self._embedded(members), name: members.values, f"{name}_mask": members.mask}

    def _output(self, inputs: Inputs) -> BackboneOutput:
        output: BackboneOutput = self.backbone(inputs)
        return output

    def _embedded(self, members: Members) -> Tensor:
        """Embeddings of members in their slots, [things, slots, dim]; 0 in empty ones."""
        if "embedding" in members.known:
            return members.known["embedding"]
        found = [self._output(group).embedding for group in members.groups]
        slots = (found or [members.values])[0].new_zeros((members.mask.numel(), self.backbone.dim))
        if found:
            slots = slots.index_copy(0, members.slots, torch.cat(found))
        return slots.view(*members.mask.shape, -1)


def embedded_level(level: Level) -> Level:
    """The level that a backbone embeds: the first from the top whose members are tokens."""
    while any(member.members for member in level.members):
        level = next(member for member in level.members if member.members)
    return level
