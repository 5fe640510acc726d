"""From the method of a recipe to its module."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from coffea_fm.methods.contrastive.jetclr import JetCLR, JetCLRConfig
from coffea_fm.methods.distillation.dino import DINO, DINOConfig
from coffea_fm.methods.distillation.rino import RINO, RINOConfig
from coffea_fm.methods.event_classification import EventClassification, EventClassificationConfig
from coffea_fm.methods.generative.vq_vae import VQVAE
from coffea_fm.methods.masked.particles import MaskedConfig, MaskedParticleModelling
from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.tokenizers.vq import VQVAEConfig
from coffea_fm.methods.supervised.classification import Supervised, SupervisedConfig
from coffea_fm.methods.supervised.cwola import Cwola, CwolaConfig
from coffea_fm.methods.supervised.pairs import PairClassification, PairClassificationConfig
from coffea_fm.methods.supervised.regression import Regression, RegressionConfig
from coffea_fm.methods.supervised.tokens import TokenClassification, TokenClassificationConfig
from coffea_fm.nn.build import Model

MethodConfig = Annotated[
    DINOConfig
    | EventClassificationConfig
    | JetCLRConfig
    | MaskedConfig
    | RINOConfig
    | SupervisedConfig
    | VQVAEConfig
    | CwolaConfig
    | PairClassificationConfig
    | RegressionConfig
    | TokenClassificationConfig,
    Field(discriminator="kind"),
]
_METHODS: dict[type, Any] = {
    DINOConfig: DINO,
    EventClassificationConfig: EventClassification,
    JetCLRConfig: JetCLR,
    MaskedConfig: MaskedParticleModelling,
    RINOConfig: RINO,
    SupervisedConfig: Supervised,
    VQVAEConfig: VQVAE,
    CwolaConfig: Cwola,
    PairClassificationConfig: PairClassification,
    RegressionConfig: Regression,
    TokenClassificationConfig: TokenClassification,
}


def build_method(config: MethodConfig, model: Model) -> Method:
    """A method around a model, further parts fresh from torch's global random state."""
    method: Method = _METHODS[type(config)](config, model)
    return method
