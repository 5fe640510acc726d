"""Predict vectors of hidden particles from the encoder's output for the visible ones."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.decoders.stack import DecoderConfig, Stack
from coffea_fm.methods.parts.masked_jets import MaskedJets, vectors_at
from coffea_fm.nn.backbones import Backbone, Replacement
from coffea_fm.nn.inputs import BackboneOutput, only_member

Position = Literal["subset", "all", "none"]


class Predicted(NamedTuple):
    """Predictions for the hidden particles.

    Attributes
    ----------
    vectors : Tensor [n_hidden, dim]
        One per hidden particle.
    embedding : Tensor [jets, backbone_dim]
        Embedding of each jet without its hidden particles.
    """

    vectors: Tensor
    embedding: Tensor


class ExcludedPredictor(nn.Module):
    """Hidden particles never enter the encoder. A decoder reads its output and a learned query per hidden particle.

    This is the decoder of MPM v2 (arXiv:2409.12589). Particles are ordered, and `position` sets how much of that order
    the decoder knows:

    - ``subset``: the k-th hidden particle gets the k-th learned vector, so the decoder only knows the order of the
      hidden particles among themselves.
    - ``all``: the k-th particle of the jet, hidden or visible, gets the k-th vector. The momenta of its visible
      neighbours then bound its own, which makes the task too easy. Use it as a control.
    - ``none``: all hidden particles get the same vector, and therefore the same prediction.

    The decoder reads the embedding in addition to the token vectors.

    Parameters
    ----------
    backbone_dim : int
    config : DecoderConfig
    position : {"subset", "all", "none"}
    max_tokens : int
        Maximum number of particles in a jet.
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
    """Hidden particles are replaced by a learned vector in the encoder, whose output is the prediction (MPM v1).

    The encoder does not know the order of the particles; position vectors are added to its output (arXiv:2401.13537).
    See `ExcludedPredictor`.

    Parameters
    ----------
    backbone : Backbone
    position : {"subset", "all", "none"}
    max_tokens : int
        Maximum number of particles in a jet.

    Raises
    ------
    RecipeError
        If the backbone uses features of pairs, which reveal the hidden particles.
    """

    def __init__(self, backbone: Backbone, position: Position, max_tokens: int) -> None:
        super().__init__()
        if backbone.reveals_replaced:
            raise RecipeError(
                "this backbone reveals the replaced particles in its inputs for others: set method.exclude: true, or "
                "use a set-transformer without pair_bias"
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
        vectors = vectors_at(output.token_vectors, place)
        vectors = vectors + order_vectors(self.places, part, self.position)
        return Predicted(part.of_hidden(vectors), output.embedding)


def build_predictor(
    backbone: Backbone, decoder: DecoderConfig | None, position: Position
) -> ExcludedPredictor | ReplacedPredictor:
    """Build a predictor with a decoder, or one that replaces the hidden particles in the encoder."""
    max_tokens = only_member(backbone.level).maximum
    if max_tokens is None:
        raise RecipeError("masked modelling learns a vector for each position: set inputs.max_tokens")
    if decoder is None:
        return ReplacedPredictor(backbone, position, max_tokens)
    return ExcludedPredictor(backbone.dim, decoder, position, max_tokens)


def order_vectors(vectors: Tensor, part: MaskedJets, position: Position) -> Tensor:
    """Select the learned vector, from [places, dim], of each hidden particle: [jets, hidden, dim]."""
    place = part.hidden.place
    if position == "all":
        return vectors[place]
    # Views: the gradient of an index is added up row by row, that of a view in one sum.
    chosen = vectors[: place.shape[1]] if position == "subset" else vectors[:1]
    return chosen.expand(*place.shape, -1)
