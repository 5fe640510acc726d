"""From the method of a recipe to its module."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from coffea_fm.nn.build import Model
from coffea_fm.pretraining.dino import DINO, DINOConfig
from coffea_fm.pretraining.jetclr import JetCLR, JetCLRConfig
from coffea_fm.pretraining.method import Method
from coffea_fm.pretraining.rino import RINO, RINOConfig
from coffea_fm.pretraining.supervised import Supervised, SupervisedConfig

MethodConfig = Annotated[
    DINOConfig | JetCLRConfig | RINOConfig | SupervisedConfig,
    Field(discriminator="kind"),
]
_METHODS: dict[type, Any] = {
    DINOConfig: DINO,
    JetCLRConfig: JetCLR,
    RINOConfig: RINO,
    SupervisedConfig: Supervised,
}


def build_method(config: MethodConfig, model: Model) -> Method:
    """A method around a model, further parts fresh from torch's global random state."""
    method: Method = _METHODS[type(config)](config, model)
    return method
