"""DeepSets over the jets of an event (arXiv:1703.06114, arXiv:1810.05165)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from coffea_fm.nn.blocks.dropout import Dropout
from coffea_fm.nn.heads.event import EventHead, EventHeadConfig, JetHeadConfig
from coffea_fm.nn.heads.head import Classes, layers
from coffea_fm.tokens import Level


class DeepSetsConfig(EventHeadConfig):
    """Shape of DeepSets over jets.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the layers that each jet goes through, at least one (arXiv:2401.13536 has three of 128).
    event_hidden : tuple of int
        Widths of hidden layers on the sum over jets.
    """

    kind: Literal["deep-sets"] = "deep-sets"
    hidden: Annotated[tuple[int, ...], Field(min_length=1)] = (128, 128, 128)
    event_hidden: tuple[int, ...] = (128,)

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: JetHeadConfig | None = None) -> DeepSets:
        """The head."""
        return DeepSets(self, level, dim, classes, jet_head)


class DeepSets(EventHead):
    """Layers on each jet, their sum over jets, and layers on the sum.

    Parameters
    ----------
    config : DeepSetsConfig
    level : Level
        Events, with jets as their members.
    dim : int
        Width of the embedding.
    classes : tuple of str
        Classes of events.
    jet_head : JetHeadConfig, optional
        What gives the scores of jets, where they are read.
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
        """Logits, [events, classes]."""
        vectors = self.of_jet(inputs).masked_fill(~mask.unsqueeze(-1), 0.0)
        logits: Tensor = self.of_event(vectors.sum(dim=1))
        return logits
