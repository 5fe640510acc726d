"""Masked particle modelling with a causal encoder: predict a hidden particle from the visible ones before it."""

from __future__ import annotations

from typing import Literal

from coffea_fm.errors import RecipeError
from coffea_fm.methods.masked.particles import MaskedConfig, MaskedParticleModelling
from coffea_fm.nn.backbones.set_transformer import SetTransformer
from coffea_fm.nn.model import Model


class MPMCausalConfig(MaskedConfig):
    """The method ``mpm-causal``, for a ``set-transformer`` with ``causal: true``.

    It stands between masked modelling and `next-token`: as in the first, a fraction of the particles is predicted and
    the others are visible; as in the second, particles only see those before them, which are the harder ones. One
    learned vector replaces a hidden particle, and its own output vector predicts it.

    Parameters
    ----------
    hidden, position, targets : object
        See `MaskedConfig`.
    """

    kind: Literal["mpm-causal"] = "mpm-causal"  # type: ignore[assignment]  # the other method has its own name
    exclude: Literal[False] = False

    def build(self, model: Model) -> MaskedParticleModelling:
        """Build the method around a causal backbone."""
        backbone = model.backbone
        if not isinstance(backbone, SetTransformer) or not backbone.config.causal:
            raise RecipeError("the method mpm-causal needs backbone: {kind: set-transformer, causal: true}")
        return MaskedParticleModelling(self, model)
