"""Sample particles one after another until each jet ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, NamedTuple

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from coffea_fm.config import Config
from coffea_fm.errors import RecipeError


class SamplingConfig(Config):
    """How to sample.

    Parameters
    ----------
    temperature : float
        Logits are divided by it. At 1, samples follow the learned distribution.
    top_k : int, optional
        Sample among the k most probable codes only; among all by default.
    seed : int
    batch_size : int
        Number of jets that are generated together.
    """

    temperature: PositiveFloat = 1.0
    top_k: PositiveInt | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    batch_size: PositiveInt = 1000

    def refuse_temperature(self) -> None:
        """Say that a flow has no logits.

        Raises
        ------
        RecipeError
            If temperature or `top_k` were set.
        """
        if self.temperature != 1.0 or self.top_k is not None:
            raise RecipeError("a flow has no logits: leave out temperature and top_k")

    def choose(self, logits: Tensor, random: torch.Generator) -> Tensor:
        """Sample an index from each row of logits [n, codes], int64 [n]; minus infinity is never sampled."""
        scaled = logits.float() / self.temperature
        if self.top_k is not None and self.top_k < scaled.shape[1]:
            least = scaled.topk(self.top_k, dim=1).values[:, -1:]
            scaled = scaled.masked_fill(scaled < least, -math.inf)
        return torch.multinomial(scaled.softmax(dim=1), 1, generator=random).squeeze(1)


class Codes(NamedTuple):
    """Generated sequences.

    Attributes
    ----------
    codes : Tensor, int64 [jets, tokens]
        0 after the end.
    kinds : Tensor, int64 [jets, tokens]
        Index of the type of each particle; 0 if there are no types.
    mask : Tensor, bool [jets, tokens]
        True before the end.
    """

    codes: Tensor
    kinds: Tensor
    mask: Tensor


Logits = Callable[[Codes, Tensor], Tensor]
"""Logits of the next code, [jets, codes + 1], from the particles so far of these jets, int64 [jets]. The last is the end."""
Kinds = Callable[[Tensor], Tensor]
"""Logits of the type from the sampled codes, int64 [jets], for the jets of the last call of `Logits`."""


@torch.no_grad()
def sample(
    n_jets: int, longest: int, logits: Logits, kinds: Kinds | None, config: SamplingConfig, random: torch.Generator
) -> Codes:
    """Sample jets of 1 to `longest` particles. The functions are called for the jets that have not ended.

    A jet without particles cannot be sampled, because there are none in the data.
    """
    empty = torch.zeros(n_jets, longest, dtype=torch.int64)
    grown = Codes(empty, empty.clone(), empty.bool())
    alive = torch.arange(n_jets)
    for place in range(longest):
        found = logits(Codes(*(part[alive, :place] for part in grown)), alive)
        if place == 0:
            found[:, -1] = -math.inf
        codes = config.choose(found, random)
        kind = config.choose(kinds(codes), random) if kinds is not None else torch.zeros_like(codes)
        ended = codes == found.shape[1] - 1
        alive, codes, kind = alive[~ended], codes[~ended], kind[~ended]
        grown.codes[alive, place], grown.kinds[alive, place], grown.mask[alive, place] = codes, kind, True
        if len(alive) == 0:
            break
    shortest = int(grown.mask.sum(dim=1).max())
    return Codes(*(part[:, :shortest] for part in grown))
