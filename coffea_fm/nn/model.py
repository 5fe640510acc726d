"""A backbone and a head: one model for jets, events, and what comes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coffea_fm.nn.backbones import Backbone
from coffea_fm.nn.heads import Head
from coffea_fm.nn.inputs import BackboneOutput, Inputs, Members
from coffea_fm.tokens import Level


class Model(nn.Module):
    """A backbone and a head.

    The backbone embeds the things at the top (jets), or the members of these (the jets of events); the head reads what
    is known of the things at the top.

    Parameters
    ----------
    backbone : Backbone
    head : Head, optional
        A model that is pretrained without labels has none.
    level : Level, optional
        The top of what the model reads; that of the backbone by default.
    """

    def __init__(self, backbone: Backbone, head: Head | None = None, level: Level | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.level = level or backbone.level

    def forward(self, inputs: Inputs) -> Tensor:
        """What the head gives, for a classification logits [things, classes]; without a head, the embedding."""
        known = self.known(inputs)
        if self.head is None:
            return known["embedding"]
        result: Tensor = self.head(*(known[name] for name in self.head.reads))
        return result

    def known(self, inputs: Inputs) -> dict[str, Tensor]:
        """What the head can read, under the names that exported graphs use.

        An embedding that is known already takes the place of the backbone.

        Returns
        -------
        dict of str to Tensor
            ``embedding`` [things, dim] and ``token_vectors`` [things, tokens, dim], where the backbone embeds the
            things at the top. Where it embeds their members ``m``: ``m_embedding`` [things, slots, dim], ``m`` [things,
            slots, fields] and ``m_mask`` [things, slots].
        """
        name = self.backbone.level.name
        if name == self.level.name:
            if "embedding" in inputs.known:
                return dict(inputs.known)
            return self._output(inputs)._asdict()
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
    """The level whose things a backbone embeds: the first from the top whose members are tokens."""
    while any(member.members for member in level.members):
        level = next(member for member in level.members if member.members)
    return level
