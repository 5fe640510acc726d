"""Vectors of hidden particles, from what the encoder makes of the others."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones.set_transformer import SetTransformer
from coffea_fm.nn.build import Backbone
from coffea_fm.pretraining.decoders.stack import DecoderConfig, Stack
from coffea_fm.pretraining.masked_jets import MaskedJets

Position = Literal["subset", "all", "none"]


class MaskedDecoderConfig(DecoderConfig):
    """A decoder of hidden particles.

    Parameters
    ----------
    from_embedding : float
        Fraction of the jets, chosen at random, of which it reads the embedding alone; 0 in arXiv:2409.12589.
    """

    from_embedding: Annotated[float, Field(ge=0, le=1)] = 0.5


class ExcludedPredictor(nn.Module):
    """Hidden particles never enter the encoder; a decoder reads its output, and a learned vector for each of them.

    This is the decoder of MPM v2 (arXiv:2409.12589). Particles are ordered; what of their order the decoder is told
    is `position`:

    - ``subset``: the k-th hidden particle gets the k-th learned vector, so that the decoder knows no more than the
      order of the hidden ones among themselves.
    - ``all``: the k-th particle of the jet, hidden or visible, gets the k-th vector. The momenta of its visible
      neighbours then bound its own, and the task is too easy: a control.
    - ``none``: all hidden particles get the same vector, and so the same prediction.

    The decoder reads the embedding beside the token vectors, and for some jets nothing else: the loss trains the
    embedding to sum up the jet, which it would not where the token vectors tell the same.

    Parameters
    ----------
    backbone_dim : int
    config : MaskedDecoderConfig
    position : {"subset", "all", "none"}
    max_tokens : int
        Most particles of a jet.
    """

    def __init__(self, backbone_dim: int, config: MaskedDecoderConfig, position: Position, max_tokens: int) -> None:
        super().__init__()
        self.dim = config.dim
        self.from_embedding = config.from_embedding
        self.position = position
        self.project = nn.Linear(backbone_dim, config.dim)
        self.places = nn.Parameter(0.02 * torch.randn(max_tokens, config.dim))
        self.stack = Stack(config)

    def forward(self, backbone: Backbone, part: MaskedJets) -> Tensor:
        """A vector for each hidden particle, [sets, hidden, dim]."""
        inputs, place = part.visible
        output = backbone(inputs)
        context = self.project(torch.cat((output.embedding.unsqueeze(1), output.token_vectors), dim=1))
        if self.position == "all":
            context = context + nn.functional.pad(self.places[place], (0, 0, 1, 0))
        asked = order_vectors(self.places, part, self.position).to(context.dtype)
        readable = inputs.mask & (torch.rand(len(context), 1, device=context.device) >= self.from_embedding)
        mask = torch.cat((readable, part.hidden.inputs.mask), dim=1)
        vectors: Tensor = self.stack(torch.cat((context, asked), dim=1), nn.functional.pad(mask, (1, 0), value=True))
        return vectors[:, context.shape[1] :]


class ReplacedPredictor(nn.Module):
    """Hidden particles enter the encoder as one learned vector; what it makes of them is the prediction (MPM v1).

    The encoder knows no order: the places are told behind it (arXiv:2401.13537), see `ExcludedPredictor`.

    Parameters
    ----------
    backbone : SetTransformer
    position : {"subset", "all", "none"}
    max_tokens : int
        Most particles of a jet.

    Raises
    ------
    RecipeError
        If the backbone cannot replace particles, or reads pairs of them.
    """

    def __init__(self, backbone: Backbone, position: Position, max_tokens: int) -> None:
        super().__init__()
        if not isinstance(backbone, SetTransformer) or backbone.pair_bias is not None:
            raise RecipeError("only a set-transformer without pair_bias can replace hidden particles: exclude them")
        self.dim = backbone.dim
        self.position = position
        self.stand_in = nn.Parameter(0.02 * torch.randn(backbone.dim))
        self.places = nn.Parameter(0.02 * torch.randn(max_tokens, backbone.dim))

    def forward(self, backbone: SetTransformer, part: MaskedJets) -> Tensor:
        """A vector for each hidden particle, [sets, hidden, dim]."""
        place = part.hidden.place
        hidden = torch.zeros_like(part.whole.mask).scatter(1, place, part.hidden.inputs.mask)
        vectors: Tensor = backbone(part.whole, hidden, self.stand_in).token_vectors
        vectors = vectors.gather(1, place.unsqueeze(-1).expand(-1, -1, self.dim))
        return vectors + order_vectors(self.places, part, self.position)


def order_vectors(vectors: Tensor, part: MaskedJets, position: Position) -> Tensor:
    """Which learned vector [places, dim] each hidden particle gets, [sets, hidden, dim]."""
    place = part.hidden.place
    if position == "subset":
        place = torch.arange(place.shape[1], device=place.device).expand(place.shape)
    elif position == "none":
        place = torch.zeros_like(place)
    return vectors[place]
