"""Set-to-set flow matching: a flow from noise to the hidden particles, given the visible ones."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot, pad

from coffea_fm.methods.method import MethodConfig
from coffea_fm.methods.parts.decoders.cross import CrossDecoder
from coffea_fm.methods.parts.decoders.stack import DecoderConfig
from coffea_fm.methods.parts.flow_matching import flow, logistic_normal_times
from coffea_fm.methods.parts.masked_jets import MaskedJets, MaskedMethod
from coffea_fm.methods.parts.targets.identity import KINDS, kind_column, kinds_of
from coffea_fm.methods.parts.tokenizers.fields import DEFAULT_FIELDS, FieldName, ParticleFields
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset


class SSFMConfig(MethodConfig):
    """The method ``ssfm``.

    Parameters
    ----------
    hidden : float
        Fraction of the particles of a jet to hide. At least one particle is hidden and at least one is visible.
    decoder : DecoderConfig
    fields : tuple of str
        Fields that flow, besides the particle type.
    """

    several_groups: ClassVar = False
    kind: Literal["ssfm"] = "ssfm"
    hidden: Annotated[float, Field(gt=0, lt=1)] = 0.5
    decoder: DecoderConfig = DecoderConfig(layers=2)
    fields: tuple[FieldName, ...] = DEFAULT_FIELDS

    def build(self, model: Model) -> SSFM:  # noqa: D102
        return SSFM(self, model)


class SSFM(MaskedMethod):
    """Mean squared error of the velocity of the hidden particles, with the momentum and mass of the jet as context.

    It follows the public code JetSSL-Lite, by authors of MPM v2 (arXiv:2409.12589). The encoder sees the visible particles
    only. In the decoder, hidden particles attend to each other and to the encoder's output. The scaled fields and the
    one-hot type of each are one vector x, mixed with noise ε to ``(1 - t) x + t ε``; the velocity is ``ε - x``.

    Parameters
    ----------
    config : SSFMConfig
    model : Model
    """

    def __init__(self, config: SSFMConfig, model: Model) -> None:
        super().__init__(model)
        self.hidden = config.hidden
        level = model.backbone.level
        self.fields, self._column = ParticleFields(level, config.fields), kind_column(level, "method.kind: ssfm")
        self.decoder = CrossDecoder(len(config.fields) + len(KINDS), model.backbone.dim, config.decoder)

    def prepare(self, data: ShardDataset, seed: int) -> None:  # noqa: ARG002
        """Compute the quantiles of the fields."""
        self.fields.fit(data)

    def numbers(self, inputs: Inputs) -> Tensor:
        """What flows: the scaled fields of each particle and its one-hot type, float32 [jets, tokens, numbers]."""
        types = one_hot(kinds_of(inputs, self._column), len(KINDS)).float()
        return torch.cat((self.fields(inputs), types), dim=-1)

    def velocity(self, part: MaskedJets, mixed: Tensor, time: Tensor) -> Tensor:
        """Predict the velocity of the hidden particles at mixed numbers [jets, hidden, numbers] and times [jets]."""
        visible = part.visible.inputs
        output = self.model.backbone(visible)
        context = torch.cat((output.embedding.unsqueeze(1), output.token_vectors), dim=1)
        known = pad(visible.tokens.mask, (1, 0), value=True)
        found: Tensor = self.decoder(mixed, part.hidden.mask, context, known, time)
        return found

    def forward(self, part: MaskedJets) -> dict[str, Tensor]:
        """Loss of each jet."""
        numbers = self.numbers(part.hidden.inputs)
        time = logistic_normal_times(part.weight)
        mixed, velocity = flow(numbers, torch.randn_like(numbers), time[:, None, None])
        difference = self.velocity(part, mixed, time).float() - velocity
        return {"loss": part.mean_of_hidden(part.of_hidden(difference.square().mean(dim=-1)))}
