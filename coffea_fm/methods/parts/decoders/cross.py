"""A decoder of one set that reads another, at a time of a flow."""

from __future__ import annotations

from torch import Tensor, nn

from coffea_fm.methods.parts.decoders.stack import DecoderConfig
from coffea_fm.methods.parts.flow_matching import WAVES, time_waves
from coffea_fm.nn.blocks.attention import padding_bias
from coffea_fm.nn.blocks.pet2 import PlainAttention


class CrossLayer(nn.Module):
    """Self-attention, attention to the other set, and a feed-forward layer; the time scales and shifts their inputs.

    Parameters
    ----------
    dim, heads : int
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)
        self.attention, self.reading = PlainAttention(dim, heads), PlainAttention(dim, heads)
        self.feed_forward = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.modulation = nn.Linear(dim, 6 * dim)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, vectors: Tensor, bias: Tensor, context: Tensor, context_bias: Tensor, time: Tensor) -> Tensor:
        """Update vectors [sets, tokens, dim] from a context [sets, others, dim], at embedded times [sets, dim]."""
        scales_and_shifts = self.modulation(time).unsqueeze(1).chunk(6, dim=-1)
        modulated = self.norm(vectors) * (1 + scales_and_shifts[0]) + scales_and_shifts[1]
        vectors = vectors + self.attention(modulated, modulated, bias)
        modulated = self.norm(vectors) * (1 + scales_and_shifts[2]) + scales_and_shifts[3]
        vectors = vectors + self.reading(modulated, context, context_bias)
        modulated = self.norm(vectors) * (1 + scales_and_shifts[4]) + scales_and_shifts[5]
        updated: Tensor = vectors + self.feed_forward(modulated)
        return updated


class CrossDecoder(nn.Module):
    """Map numbers of one set to as many others, reading the vectors of another set.

    Nothing tells it the order of either set, so its outputs follow a permutation of the one, and do not depend on the
    order of the other.

    Parameters
    ----------
    width : int
        Number of numbers per element.
    context_dim : int
        Width of the vectors of the other set.
    config : DecoderConfig
    """

    def __init__(self, width: int, context_dim: int, config: DecoderConfig) -> None:
        super().__init__()
        self.embed, self.context = nn.Linear(width, config.dim), nn.Linear(context_dim, config.dim)
        self.time = nn.Sequential(nn.Linear(WAVES, config.dim), nn.SiLU(), nn.Linear(config.dim, config.dim), nn.SiLU())
        self.layers = nn.ModuleList(CrossLayer(config.dim, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim)
        self.out = nn.Linear(config.dim, width)

    def forward(self, numbers: Tensor, mask: Tensor, context: Tensor, context_mask: Tensor, time: Tensor) -> Tensor:
        """Compute new numbers, of the same shape.

        Parameters
        ----------
        numbers : Tensor [sets, tokens, width]
        mask : Tensor, bool [sets, tokens]
        context : Tensor [sets, others, context_dim]
        context_mask : Tensor, bool [sets, others]
            Each set needs at least one.
        time : Tensor [sets]
        """
        vectors, others = self.embed(numbers), self.context(context)
        # A set may be empty, and a softmax over nothing is not a number: let that set see its padding.
        visible = mask | ~mask.any(dim=1, keepdim=True)
        biases = padding_bias(visible, vectors.dtype), padding_bias(context_mask, vectors.dtype)
        embedded = self.time(time_waves(time.unsqueeze(1)))
        for layer in self.layers:
            vectors = layer(vectors, biases[0], others, biases[1], embedded)
        found: Tensor = self.out(self.norm(vectors))
        return found
