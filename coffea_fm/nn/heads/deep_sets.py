"""DeepSets over the jets of an event (arXiv:1703.06114, arXiv:1810.05165)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from coffea_fm.nn.blocks.dropout import Dropout
from coffea_fm.nn.heads.event import EventHead, EventHeadConfig, JetHeadConfig
from coffea_fm.nn.heads.head import Classes, layers
from coffea_fm.nn.sizes import Width
from coffea_fm.tokens import Level


class DeepSetsConfig(EventHeadConfig):
    """Architecture of DeepSets over jets.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the layers applied to each jet, at least one (arXiv:2401.13536 has three of 128).
    event_hidden : tuple of int
        Widths of the hidden layers applied to the sum over jets.
    """

    kind: Literal["deep-sets"] = "deep-sets"
    hidden: Annotated[tuple[Width, ...], Field(min_length=1)] = (128, 128, 128)
    event_hidden: tuple[Width, ...] = (128,)

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: JetHeadConfig | None = None) -> DeepSets:
        """Build the head."""
        return DeepSets(self, level, dim, classes, jet_head)


class DeepSets(EventHead):
    """Layers applied to each jet, a sum over jets, and layers applied to the sum.

    Parameters
    ----------
    config : DeepSetsConfig
    level : Level
        Events, with jets as members.
    dim : int
        Width of the embedding.
    classes : tuple of str
        Classes of events.
    jet_head : JetHeadConfig, optional
        Computes the jet scores, if the head reads them.
    """

    def __init__(
        self, config: DeepSetsConfig, level: Level, dim: int, classes: Classes, jet_head: JetHeadConfig | None = None
    ) -> None:
        super().__init__(config, level, dim, classes, jet_head)
        parts: list[nn.Module] = []
        width = self.n_inputs
        for wider in config.hidden:
            parts += [nn.Linear(width, wider), nn.GELU(), Dropout(config.dropout)]
            width = wider
        self.of_jet = nn.Sequential(*parts)
        self.of_event = layers(width, config.event_hidden, len(classes), config.dropout)

    def logits(self, inputs: Tensor, jets: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """Compute logits, [events, classes]."""
        vectors = self.of_jet(inputs).masked_fill(~mask.unsqueeze(-1), 0.0)
        logits: Tensor = self.of_event(vectors.sum(dim=1))
        return logits
