"""Networks that turn jets with their tokens into one embedding per jet and one vector per token."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.backbones.code_transformer import CodeTransformerConfig
from coffea_fm.nn.backbones.lgatr import LGATrConfig, LGATrSlimConfig
from coffea_fm.nn.backbones.lloca import LLoCaConfig
from coffea_fm.nn.backbones.particle_net import ParticleNetConfig
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.pelican import PelicanConfig
from coffea_fm.nn.backbones.pet2 import PET2Config
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.backbones.stored import StoredConfig

AnyBackboneConfig = Annotated[
    # One line per backbone.
    CodeTransformerConfig
    | LGATrConfig
    | LGATrSlimConfig
    | LLoCaConfig
    | ParticleNetConfig
    | ParticleTransformerConfig
    | PelicanConfig
    | PET2Config
    | SetTransformerConfig
    | StoredConfig,
    Field(discriminator="kind"),
]

__all__ = ["AnyBackboneConfig", "Backbone", "BackboneConfig", "Replacement"]
