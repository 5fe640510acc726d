"""JetCLR (arXiv:2108.04253): two augmented views of a jet are closer to each other than to any other jet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from pydantic import PositiveFloat

from coffea_fm.methods.parts.pair_contrast import PairContrast
from coffea_fm.methods.parts.two_views import TwoViewsConfig
from coffea_fm.methods.parts.views.joint import Views, padded_views
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level


class JetCLRConfig(TwoViewsConfig):
    """The method ``jetclr``; see also `TwoViewsConfig`.

    Parameters
    ----------
    temperature : float
        Temperature of the contrastive loss.
    """

    kind: Literal["jetclr"] = "jetclr"
    temperature: PositiveFloat = 0.1

    def build(self, model: Model) -> JetCLR:  # noqa: D102
        return JetCLR(self, model)


class JetCLR(PairContrast):
    """Contrastive loss among all jets of a step (separately in each process).

    Parameters
    ----------
    config : JetCLRConfig
    model : Model
        Its backbone is trained.
    """

    def __init__(self, config: JetCLRConfig, model: Model) -> None:
        super().__init__(model, config.projector, config.temperature)
        self.config = config

    def parts(  # noqa: D102
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Views]:
        versions = self.config.views(examples.packed, level, random)
        yield padded_views(examples, [versions], level, micro_tokens, device)
