"""A learned codebook, with measures against collapse to a few codes (arXiv:2305.08842)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from sklearn.cluster import kmeans_plusplus
from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.nn.blocks.nearest import nearest

AFFINE_RATE = 10.0
"""Learning rate of the common shift and scale, relative to that of the codes."""


class CodebookConfig(Config):
    """Settings of a codebook. The last four are independent measures against collapse, all on by default.

    Parameters
    ----------
    codes : int
    latent : int
        Dimension of a code.
    beta : float
        Fraction of the loss that moves the codes towards the vectors; the rest moves the vectors towards the codes.
    affine : bool
        Learn a common shift and scale of all codes, so that unused codes move with the others.
    synchronise : float
        The nu of the synchronised straight-through estimator: the fraction of the task gradient that codes receive.
    replace_after : int, optional
        Replace a code that was not used for this many steps by a random vector of the last step.
    kmeans_start : bool
        Initialise the codes with k-means++ on the outputs of the untrained encoder.
    """

    codes: Annotated[int, Field(ge=2, le=1_000_000)] = 512
    latent: PositiveInt = 16
    beta: Annotated[float, Field(ge=0, le=1)] = 0.9
    affine: bool = True
    synchronise: NonNegativeFloat = 0.2
    replace_after: PositiveInt | None = 20
    kmeans_start: bool = True


class Codebook(nn.Module):
    """Replace vectors by their nearest codes.

    Parameters
    ----------
    config : CodebookConfig
    """

    idle: Tensor
    latest: Tensor

    def __init__(self, config: CodebookConfig) -> None:
        super().__init__()
        self.config = config
        self.codes = nn.Parameter(torch.empty(config.codes, config.latent).uniform_(-1, 1) / config.codes)
        self.scale = nn.Parameter(torch.zeros(config.latent), requires_grad=config.affine)
        self.shift = nn.Parameter(torch.zeros(config.latent), requires_grad=config.affine)
        self.register_buffer("idle", torch.zeros(config.codes))
        self.register_buffer("latest", torch.zeros(config.codes, config.latent))

    def start(self, vectors: Tensor, seed: int) -> None:
        """Initialise the codes from encoder outputs [n, latent]."""
        if self.config.kmeans_start:
            centres, _ = kmeans_plusplus(vectors.numpy(), self.config.codes, random_state=seed)
            self.codes.data.copy_(torch.from_numpy(centres))

    def table(self) -> Tensor:
        """All codes, [codes, latent]."""
        return self.codes * (1 + AFFINE_RATE * self.scale) + AFFINE_RATE * self.shift

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise each vector.

        Parameters
        ----------
        vectors : Tensor, float32 [n, latent]

        Returns
        -------
        quantised : Tensor [n, latent]
            The codes, with gradients to vectors and codes.
        index : Tensor, int64 [n]
        loss : Tensor [n]
            Pulls vectors and codes together.
        """
        table = self.table()
        index = nearest(vectors.detach(), table.detach())
        code = table[index]
        if self.training:
            self._remember(vectors.detach(), index)
        loss = code_loss(vectors, code, self.config.beta)
        return straight_through(vectors, code, self.config.synchronise), index, loss

    @torch.no_grad()
    def replace_idle(self) -> None:
        """Replace codes that were not used for a long time by recent vectors; called after each step."""
        self.idle += 1
        if self.config.replace_after is not None:
            dead = self.idle > self.config.replace_after
            fresh = (self.latest - AFFINE_RATE * self.shift) / (1 + AFFINE_RATE * self.scale)
            self.codes.data[dead] = fresh[dead]
            self.idle[dead] = 0

    @torch.no_grad()
    def _remember(self, vectors: Tensor, index: Tensor) -> None:
        self.idle[index] = 0
        self.latest.copy_(vectors[torch.randint(len(vectors), (len(self.latest),))])


def straight_through(vectors: Tensor, codes: Tensor, synchronise: float) -> Tensor:
    """``z + sg(e - z) + nu (e - sg(e))``: the codes; the gradient goes to the vectors and, times nu, to the codes."""
    return vectors + (codes - vectors).detach() + synchronise * (codes - codes.detach())


def code_loss(vectors: Tensor, codes: Tensor, beta: float) -> Tensor:
    """``(1 - β) |z - sg(e)|² + β |sg(z) - e|²``, averaged over components, [n]."""
    return (1 - beta) * (vectors - codes.detach()).square().mean(dim=-1) + beta * (
        vectors.detach() - codes
    ).square().mean(dim=-1)
