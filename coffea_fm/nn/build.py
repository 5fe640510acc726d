"""From configurations to networks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from coffea_fm.nn.backbones.particle_transformer import ParticleTransformer, ParticleTransformerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformer, SetTransformerConfig
from coffea_fm.nn.heads.classification import ClassificationHead, ClassificationHeadConfig
from coffea_fm.nn.heads.deep_sets import DeepSetsConfig
from coffea_fm.nn.heads.event_transformer import EventTransformerConfig
from coffea_fm.nn.heads.head import Head
from coffea_fm.nn.heads.pairs import PairHead, PairHeadConfig
from coffea_fm.nn.heads.regression import RegressionHead, RegressionHeadConfig
from coffea_fm.nn.heads.tokens import TokenHead, TokenHeadConfig
from coffea_fm.nn.inputs import BackboneOutput, Inputs
from coffea_fm.tokens.spec import InputSpec

BackboneConfig = Annotated[SetTransformerConfig | ParticleTransformerConfig, Field(discriminator="kind")]
JetHeadConfig = ClassificationHeadConfig | RegressionHeadConfig | TokenHeadConfig | PairHeadConfig
HeadConfig = Annotated[JetHeadConfig | DeepSetsConfig | EventTransformerConfig, Field(discriminator="kind")]
Backbone = SetTransformer | ParticleTransformer


class Model(nn.Module):
    """A backbone and a head.

    Parameters
    ----------
    backbone : nn.Module
        Takes `Inputs`, gives `BackboneOutput`; has the width of its embedding as ``dim``.
    head : Head, optional
        Takes the embedding or the token vectors; a model that is pretrained without labels has none.
    """

    def __init__(self, backbone: Backbone, head: Head | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, inputs: Inputs) -> Tensor:
        """What the head gives, for a classification logits [sets, classes]; the embedding without a head."""
        output: BackboneOutput = self.backbone(inputs)
        result: Tensor = output.embedding if self.head is None else self.head(getattr(output, self.head.reads))
        return result


def build_backbone(config: BackboneConfig, spec: InputSpec) -> Backbone:
    """A backbone of that configuration, freshly initialised from torch's global random state.

    Raises
    ------
    RecipeError
        If the inputs lack a field that the backbone's features read.
    """
    if isinstance(config, ParticleTransformerConfig):
        return ParticleTransformer(config, spec)
    return SetTransformer(config, spec)


def build_head(config: JetHeadConfig, dim: int, classes: int) -> Head:
    """A head of that configuration on vectors of width `dim`; one that classifies jets has that many classes."""
    if isinstance(config, RegressionHeadConfig):
        return RegressionHead(config, dim)
    if isinstance(config, TokenHeadConfig):
        return TokenHead(config, dim)
    if isinstance(config, PairHeadConfig):
        return PairHead(config, dim)
    return ClassificationHead(config, dim, classes)


def build_model(config: BackboneConfig, head: JetHeadConfig | None, spec: InputSpec, classes: int) -> Model:
    """A backbone, with a head where one is configured."""
    backbone = build_backbone(config, spec)
    return Model(backbone, None if head is None else build_head(head, backbone.dim, classes))
