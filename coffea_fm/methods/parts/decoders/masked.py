"""Vectors of hidden particles, from what the encoder makes of the others."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.decoders.stack import DecoderConfig, Stack
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.nn.backbones import Backbone, Replacement
from coffea_fm.nn.inputs import BackboneOutput, only_member

Position = Literal["subset", "all", "none"]


class Predicted(NamedTuple):
    """What is known of the hidden particles.

    Attributes
    ----------
    vectors : Tensor [n_hidden, dim]
        One for each of them.
    embedding : Tensor [jets, backbone_dim]
        What the encoder makes of each jet without them.
    """

    vectors: Tensor
    embedding: Tensor


class ExcludedPredictor(nn.Module):
    """Hidden particles never enter the encoder; a decoder reads its output, and a learned vector for each of them.

    This is the decoder of MPM v2 (arXiv:2409.12589). Particles are ordered; what of their order the decoder is told
    is `position`:

    - ``subset``: the k-th hidden particle gets the k-th learned vector, so that the decoder knows no more than the
      order of the hidden ones among themselves.
    - ``all``: the k-th particle of the jet, hidden or visible, gets the k-th vector. The momenta of its visible
      neighbours then bound its own, and the task is too easy: a control.
    - ``none``: all hidden particles get the same vector, and so the same prediction.

    The decoder reads the embedding beside the token vectors.

    Parameters
    ----------
    backbone_dim : int
    config : DecoderConfig
    position : {"subset", "all", "none"}
    max_tokens : int
        Most particles of a jet.
    """

    def __init__(self, backbone_dim: int, config: DecoderConfig, position: Position, max_tokens: int) -> None:
        super().__init__()
        self.dim = config.dim
        self.position = position
        self.project = nn.Linear(backbone_dim, config.dim)
        self.places = nn.Parameter(0.02 * torch.randn(max_tokens, config.dim))
        self.stack = Stack(config)

    def forward(self, backbone: Backbone, part: MaskedJets) -> Predicted:
        """Run the encoder, and what stands behind it."""
        inputs, place = part.visible
        output = backbone(inputs)
        context = self.project(torch.cat((output.embedding.unsqueeze(1), output.token_vectors), dim=1))
        if self.position == "all":
            context = context + nn.functional.pad(self.places[place], (0, 0, 1, 0))
        asked = order_vectors(self.places, part, self.position).to(context.dtype)
        mask = torch.cat((inputs.tokens.mask, part.hidden.mask), dim=1)
        vectors: Tensor = self.stack(torch.cat((context, asked), dim=1), nn.functional.pad(mask, (1, 0), value=True))
        return Predicted(part.of_hidden(vectors[:, context.shape[1] :]), output.embedding)


class ReplacedPredictor(nn.Module):
    """Hidden particles enter the encoder as one learned vector; what it makes of them is the prediction (MPM v1).

    The encoder knows no order: the places are told behind it (arXiv:2401.13537), see `ExcludedPredictor`.

    Parameters
    ----------
    backbone : Backbone
    position : {"subset", "all", "none"}
    max_tokens : int
        Most particles of a jet.

    Raises
    ------
    RecipeError
        If the backbone reads features of pairs, which tell what is hidden.
    """

    def __init__(self, backbone: Backbone, position: Position, max_tokens: int) -> None:
        super().__init__()
        if backbone.reads_pairs:
            raise RecipeError(
                "this backbone reads pairs of particles, also of those that are replaced: exclude the hidden particles, or "
                "take a set-transformer without pair_bias"
            )
        self.dim = backbone.dim
        self.position = position
        self.stand_in = nn.Parameter(0.02 * torch.randn(backbone.dim))
        self.places = nn.Parameter(0.02 * torch.randn(max_tokens, backbone.dim))

    def forward(self, backbone: Backbone, part: MaskedJets) -> Predicted:
        """Run the encoder, and what stands behind it."""
        place = part.hidden.place
        hidden = torch.zeros_like(part.whole.tokens.mask).scatter(1, place, part.hidden.mask)
        output: BackboneOutput = backbone(part.whole, Replacement(hidden, self.stand_in))
        vectors = output.token_vectors.gather(1, place.unsqueeze(-1).expand(-1, -1, self.dim))
        vectors = vectors + order_vectors(self.places, part, self.position)
        return Predicted(part.of_hidden(vectors), output.embedding)


def build_predictor(
    backbone: Backbone, decoder: DecoderConfig | None, position: Position
) -> ExcludedPredictor | ReplacedPredictor:
    """Predict with a decoder, or without one by replacing the hidden particles in the encoder."""
    max_tokens = only_member(backbone.level).maximum
    if max_tokens is None:
        raise RecipeError("masked modelling learns a vector for each place: give inputs.max_tokens")
    if decoder is None:
        return ReplacedPredictor(backbone, position, max_tokens)
    return ExcludedPredictor(backbone.dim, decoder, position, max_tokens)


def order_vectors(vectors: Tensor, part: MaskedJets, position: Position) -> Tensor:
    """Which learned vector [places, dim] each hidden particle gets, [jets, hidden, dim]."""
    place = part.hidden.place
    if position == "subset":
        place = torch.arange(place.shape[1], device=place.device).expand(place.shape)
    elif position == "none":
        place = torch.zeros_like(place)
    return vectors[place]
