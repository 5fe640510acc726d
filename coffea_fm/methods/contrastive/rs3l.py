"""RS3L (arXiv:2403.07066): two simulations of a jet are closer to each other than to any other jet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from pydantic import PositiveFloat

from coffea_fm.methods.method import MethodConfig
from coffea_fm.methods.parts.pair_contrast import PairContrast
from coffea_fm.methods.parts.projector import ProjectorConfig
from coffea_fm.methods.parts.views import Changes, augment
from coffea_fm.methods.parts.views.joint import Views, padded_views
from coffea_fm.methods.parts.views.resimulation import simulations_of, two_simulations
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level


class RS3LConfig(MethodConfig):
    """The method ``rs3l``. Its shards hold several simulations of each jet (processor ``collect_resimulations``).

    Parameters
    ----------
    changes : tuple of Change
        Augmentations of each simulation; none by default.
    projector : ProjectorConfig
        Maps embeddings to the space in which the simulations are compared; 8 numbers in the paper.
    temperature : float
        Temperature of the contrastive loss.
    """

    kind: Literal["rs3l"] = "rs3l"
    changes: Changes = ()
    projector: ProjectorConfig = ProjectorConfig(dim=8)
    temperature: PositiveFloat = 0.1

    def reads(self, level: Level) -> Level:
        """Rows of several simulations of a jet."""
        return simulations_of(level)

    def build(self, model: Model) -> RS3L:  # noqa: D102
        return RS3L(self, model)


class RS3L(PairContrast):
    """Contrastive loss among all jets of a step (separately in each process), as JetCLR.

    Each time that a jet is seen, two of its simulations are drawn: nominal ones and variations alike.

    Parameters
    ----------
    config : RS3LConfig
    model : Model
        Its backbone is trained.
    """

    def __init__(self, config: RS3LConfig, model: Model) -> None:
        super().__init__(model, config.projector, config.temperature)
        self.config = config

    def parts(  # noqa: D102
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Views]:
        (jets,) = level.members
        drawn = two_simulations(examples.packed, level, random)
        versions = [augment(view, jets, self.config.changes, random) for view in drawn]
        yield padded_views(examples, [versions], jets, micro_tokens, device)
