"""Networks that turn jets with their tokens into one embedding per jet and one vector per token."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.backbones.stored import StoredConfig

AnyBackboneConfig = Annotated[
    # One line per backbone.
    ParticleTransformerConfig | SetTransformerConfig | StoredConfig,
    Field(discriminator="kind"),
]

__all__ = ["AnyBackboneConfig", "Backbone", "BackboneConfig", "Replacement"]
