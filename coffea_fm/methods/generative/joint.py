"""Next particles and hidden particles with one encoder (arXiv:2512.04149)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat
from torch import Tensor

from coffea_fm.methods.parts.decoders.masked import build_predictor
from coffea_fm.methods.parts.decoders.stack import DecoderConfig
from coffea_fm.methods.parts.generation.continuous import Continuous, ContinuousConfig
from coffea_fm.methods.parts.generation.head import NOTHING, ParticleHead
from coffea_fm.methods.parts.masked_jets import MaskedJets, MaskedMethod
from coffea_fm.nn.model import Model


class JointConfig(ContinuousConfig):
    """The method ``joint``: a causal pass over whole jets and a masked pass over their visible particles.

    The causal pass is that of `next-token`. In the masked pass, hidden particles are left out and a decoder predicts
    them, as in MPM v2; there the encoder is bidirectional unless the recipe sets ``causal: true``. All targets are the
    codes of one tokenizer, and types.

    Parameters
    ----------
    codes, fields, tokenizer, id : object
        See `ContinuousConfig`.
    hidden : float
        Fraction of the particles of a jet to hide in the masked pass.
    decoder : DecoderConfig
        Size of its decoder.
    masked : float
        Weight of its loss relative to that of the causal pass.
    """

    kind: Literal["joint"] = "joint"
    hidden: Annotated[float, Field(gt=0, lt=1)] = 0.4
    decoder: DecoderConfig = DecoderConfig()
    masked: PositiveFloat = 1.0

    def build(self, model: Model) -> Joint:  # noqa: D102
        return Joint(self, model)


class Joint(MaskedMethod, Continuous):
    """Sum of the losses of both passes, each averaged over what it predicts in a jet.

    Parameters
    ----------
    config : JointConfig
    model : Model
    """

    metrics: ClassVar = ("loss", "next", "hidden")

    def __init__(self, config: JointConfig, model: Model) -> None:
        super().__init__(config, model)
        self.hidden, self.masked = config.hidden, config.masked
        self.predictor = build_predictor(model.backbone, config.decoder, "subset")
        self.hidden_head = ParticleHead(self.predictor.dim, self.tokenizer.n_codes, types=self.types)

    def forward(self, part: MaskedJets) -> dict[str, Tensor]:
        """Loss of each jet, and that of each pass."""
        codes = self.tokenizer.codes(part.whole)
        particle, kind = self.next_losses(part.whole, codes)
        following = particle + kind
        hidden = self.hidden_losses(part, codes)
        return {"loss": following + self.masked * hidden, "next": following, "hidden": hidden}

    def hidden_losses(self, part: MaskedJets, codes: Tensor) -> Tensor:
        """Loss of the hidden particles of each jet, float32 [jets]."""
        place, mask = part.hidden.place, part.hidden.mask
        rows = self.predictor(self.backbone, part).vectors
        vectors = rows.new_zeros((*mask.shape, rows.shape[1])).masked_scatter(mask.unsqueeze(-1), rows)
        targets = (values.gather(1, place).masked_fill(~mask, NOTHING) for values in (codes, self.kinds(part.whole)))
        of_codes, of_kinds = self.hidden_head.losses(vectors, *targets)
        return of_codes + self.weight * of_kinds
