"""Masked particle modelling: predict hidden particles from the visible ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from coffea_fm.methods.method import MethodConfig
from coffea_fm.methods.parts.decoders.masked import Position, build_predictor
from coffea_fm.methods.parts.decoders.stack import DecoderConfig
from coffea_fm.methods.parts.masked_jets import MaskedJets, MaskedMethod
from coffea_fm.methods.parts.targets.codes import CodeTarget
from coffea_fm.methods.parts.targets.table import TargetsConfig
from coffea_fm.methods.parts.targets.target import Target
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset


class MaskedConfig(MethodConfig):
    """The method ``masked-particle-modelling``.

    Parameters
    ----------
    hidden : float
        Fraction of the particles of a jet to hide. At least one particle is hidden and at least one is visible.
    exclude : bool
        Keep hidden particles out of the encoder and let a decoder predict them (MPM v2, arXiv:2409.12589);
        otherwise one learned vector replaces them in the encoder (MPM v1, arXiv:2401.13537).
    position : {"subset", "all", "none"}
        Information on the order of the particles that is given to the predictor.
    decoder : DecoderConfig
        Size of the decoder, if there is one.
    targets : TargetsConfig
        What to predict.
    """

    several_groups: ClassVar = False
    kind: Literal["masked-particle-modelling"] = "masked-particle-modelling"
    hidden: Annotated[float, Field(gt=0, lt=1)] = 0.4
    exclude: bool = True
    position: Position = "subset"
    decoder: DecoderConfig | None = None
    targets: TargetsConfig

    @model_validator(mode="after")
    def _decoder_needs_exclude(self) -> MaskedConfig:
        if self.decoder is not None and not self.exclude:
            raise ValueError("decoder: there is none if hidden particles are replaced; remove it, or set exclude: true")
        return self

    def build(self, model: Model) -> MaskedParticleModelling:  # noqa: D102
        return MaskedParticleModelling(self, model)


class MaskedParticleModelling(MaskedMethod):
    """Weighted sum of the losses of all targets, averaged over the hidden particles of each jet.

    Parameters
    ----------
    config : MaskedConfig
    model : Model
    """

    metrics: ClassVar[tuple[str, ...]] = ("loss", "particle", "id")

    def __init__(self, config: MaskedConfig, model: Model) -> None:
        super().__init__(model)
        self.hidden = config.hidden
        backbone = model.backbone
        decoder = (config.decoder or DecoderConfig()) if config.exclude else None
        self.predictor = build_predictor(backbone, decoder, config.position)
        targets = config.targets.build(backbone.level, self.predictor.dim, backbone.dim)
        self.targets = cast("dict[str, Target]", nn.ModuleDict(targets))

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Prepare the targets on the training jets."""
        for target in self.targets.values():
            target.prepare(data, seed)

    def constants(self) -> Mapping[str, Callable[[Inputs], Tensor]]:
        """The codes of the particles."""
        return {
            target.known: target.tokenizer.codes for target in self.targets.values() if isinstance(target, CodeTarget)
        }

    def forward(self, part: MaskedJets) -> dict[str, Tensor]:
        """Loss of each jet, and its contributions from the particle type and from all other targets."""
        predicted = self.predictor(self.model.backbone, part)
        losses = {"particle": torch.zeros_like(part.weight), "id": torch.zeros_like(part.weight)}
        for name, target in self.targets.items():
            losses["id" if name == "id" else "particle"] += target.weight * part.mean_of_hidden(target(predicted, part))
        return {"loss": losses["particle"] + losses["id"], **losses}
