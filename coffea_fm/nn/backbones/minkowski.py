"""What networks on Minkowski products and frames have in common: their inputs, and how they are called."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.features.minkowski import FourVectors, MinkowskiFeatures, Symmetry
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite
from coffea_fm.nn.sizes import Width
from coffea_fm.tokens import Level


class MinkowskiConfig(BackboneConfig):
    """Settings of the inputs.

    Parameters
    ----------
    symmetry : {"beam", "lorentz"}
        The transformations of a jet that do not change the output: boosts along the beam and rotations about it, or all
        boosts and rotations.
    features : {"jetclass", "kinematic"}
        Scalar inputs besides the four-momenta. ``jetclass``: charge, particle type and impact parameters.
    """

    dim: Width
    symmetry: Symmetry = "beam"
    features: Literal["jetclass", "kinematic"] = "jetclass"


class MinkowskiBackbone(Backbone):
    """A backbone whose `network` is invariant in any precision.

    Parameters
    ----------
    config : MinkowskiConfig
    level : Level
        The raw fields of the jets, with one group of tokens.
    """

    reveals_replaced = True

    def __init__(self, config: MinkowskiConfig, level: Level) -> None:
        super().__init__()
        self.config, self.level, self.dim = config, level, config.dim
        self.features = MinkowskiFeatures(level, config.features, config.symmetry)

    def forward(self, inputs: Inputs, replace: Replacement | None = None) -> BackboneOutput:
        """Embed a batch of jets. Of a replaced token, nothing enters but its part in the frame of the jet."""
        with torch.autocast(inputs.values.device.type, enabled=False):  # invariants of momenta cancel
            embedding, vectors = self.network(self.features(inputs), replace)
        return BackboneOutput(embedding + not_finite(inputs), vectors)

    def network(self, vectors: FourVectors, replace: Replacement | None = None) -> tuple[Tensor, Tensor]:
        """Embedding [jets, dim] and token vectors [jets, tokens, dim].

        Parameters
        ----------
        vectors : FourVectors
        replace : Replacement, optional
        """
        raise NotImplementedError
