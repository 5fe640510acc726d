"""A small PELICAN (arXiv:2211.00454, 2307.16506): Lorentz-invariant and permutation-equivariant, on pairs of particles."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from coffea_fm.nn.backbones.backbone import Replacement
from coffea_fm.nn.backbones.minkowski import MinkowskiBackbone, MinkowskiConfig
from coffea_fm.nn.features.minkowski import FourVectors, inner
from coffea_fm.nn.sizes import Count, Width
from coffea_fm.tokens import Level

_SCALES = (1e-6, 1e-4, 1e-2, 1.0, 1e2)
"""Products d enter as logarithms of 1 + d / scale, in units of (20 GeV)²."""
_FACTOR = 0.2
"""It scales these logarithms to order one."""
_TYPICAL = 40.0
"""Sums over particles are divided by this number, so that they keep the number of particles."""


class PelicanConfig(MinkowskiConfig):
    """Architecture of a PELICAN.

    Parameters
    ----------
    dim : int
        Channels of each pair, and width of token vectors and embedding. Time and memory grow with the square of the
        number of particles times this.
    layers : int
    symmetry, features : str
        See `MinkowskiConfig`.
    """

    kind: Literal["pelican"] = "pelican"
    dim: Width = 32
    layers: Count = 4

    def build(self, level: Level) -> Pelican:
        """Build the network."""
        return Pelican(self, level)


class Pelican(MinkowskiBackbone):
    """Minkowski products of all pairs of particles, beams and time axis, and layers that are linear maps of pairs to pairs.

    The published network has batch norms and 15 aggregations; the products are symmetric, so 9 are left here, with layer
    norms, which padding does not enter.

    Parameters
    ----------
    config : PelicanConfig
    level : Level
        The raw fields of the jets, with one group of tokens.
    """

    config: PelicanConfig

    def __init__(self, config: PelicanConfig, level: Level) -> None:
        super().__init__(config, level)
        self.n_references = len(self.features.references)
        self.embed_products = nn.Linear(len(_SCALES), config.dim)
        self.embed = nn.Linear(self.features.n_scalars, config.dim)
        self.references = nn.Parameter(torch.randn(self.n_references, config.dim)) if self.n_references else None
        self.to_diagonal = nn.Linear(config.dim, config.dim)
        self.layers = nn.ModuleList(PairLayer(config.dim) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim)
        self.read_tokens, self.read_jet = (
            nn.Sequential(nn.LayerNorm(2 * config.dim), nn.Linear(2 * config.dim, config.dim)) for _ in range(2)
        )

    def network(self, vectors: FourVectors, replace: Replacement | None = None) -> tuple[Tensor, Tensor]:
        """Embedding [jets, dim] and token vectors [jets, tokens, dim]: the part that is invariant in any precision."""
        if replace is not None:
            vectors = vectors.without(replace.where)
        tokens, momenta, mask = self.embed(vectors.scalars), vectors.particles, vectors.mask
        if replace is not None:
            tokens = torch.where(replace.where.unsqueeze(-1), replace.vector.to(tokens.dtype), tokens)
        if self.references is not None:
            momenta = torch.cat((vectors.references, momenta), dim=1)
            tokens = torch.cat((self.references.expand(tokens.shape[0], -1, -1), tokens), dim=1)
            mask = nn.functional.pad(mask, (self.n_references, 0), value=True)
        products = inner(momenta, momenta).clamp(min=0.0).unsqueeze(-1).to(tokens.dtype)
        products = _FACTOR * torch.log1p(products / products.new_tensor(_SCALES))
        present = (mask.unsqueeze(1) & mask.unsqueeze(2)).unsqueeze(-1).to(tokens.dtype)
        place = torch.arange(mask.shape[1], device=mask.device)
        diagonal = (place.unsqueeze(0) == place.unsqueeze(1)).unsqueeze(-1).to(tokens.dtype)
        pairs = self.embed_products(products) + tokens.unsqueeze(1) + tokens.unsqueeze(2)
        pairs = pairs + diagonal * self.to_diagonal(tokens).unsqueeze(1)
        for layer in self.layers:
            pairs = pairs + layer(pairs, present, diagonal)
        of_tokens, of_jet = _sums(self.norm(pairs) * present, diagonal)
        found = self.read_tokens(of_tokens)[:, self.n_references :].masked_fill(~vectors.mask.unsqueeze(-1), 0.0)
        return self.read_jet(of_jet[:, 0]), found

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """The inputs, each layer, and the output."""
        layers = (f"layers.{index}" for index in range(self.config.layers))
        return self._by_depth((*((name,) for name in layers), ("norm", "read_tokens", "read_jet")))


class PairLayer(nn.Module):
    """A layer on each pair, followed by every linear map of symmetric pairs that commutes with permutations.

    Parameters
    ----------
    dim : int
        Channels.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.message = nn.Linear(dim, dim)
        self.of_pair = nn.Linear(dim, dim)
        self.of_sums = nn.Linear(4 * dim, 2 * dim, bias=False)
        nn.init.normal_(self.of_pair.weight, std=0.3 * dim**-0.5)

    def forward(self, pairs: Tensor, present: Tensor, diagonal: Tensor) -> Tensor:
        """Compute the update of the pairs.

        Parameters
        ----------
        pairs : Tensor [jets, tokens, tokens, dim]
        present : Tensor [jets, tokens, tokens, 1]
            1 for pairs of two particles, 0 for padding.
        diagonal : Tensor [tokens, tokens, 1]
            1 for a particle with itself.
        """
        messages = gelu(self.message(self.norm(pairs))) * present
        of_tokens, of_jet = _sums(messages, diagonal)
        summed = torch.cat((of_tokens, of_jet.expand(-1, of_tokens.shape[1], -1)), dim=-1)
        row, own = self.of_sums(summed).chunk(2, dim=-1)
        updated: Tensor = self.of_pair(messages) + row.unsqueeze(1) + row.unsqueeze(2) + diagonal * own.unsqueeze(1)
        return updated


def _sums(pairs: Tensor, diagonal: Tensor) -> tuple[Tensor, Tensor]:
    """Row sums and diagonal [jets, tokens, 2 dim], and the sums of both over all particles [jets, 1, 2 dim]."""
    of_tokens = torch.cat((pairs.sum(dim=2) / _TYPICAL, (pairs * diagonal).sum(dim=2)), dim=-1)
    return of_tokens, of_tokens.sum(dim=1, keepdim=True) / _TYPICAL
