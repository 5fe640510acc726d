"""Detect collapse: whether the embeddings of different jets differ at all."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_ROUNDING = 1e-5
LOWEST_RANK = 1.5
LOWEST_SPREAD = 0.01
"""Embeddings of a working encoder have more effective dimensions, and vary more relative to their size."""


def has_collapsed(metrics: Mapping[str, float]) -> bool:
    """Whether embeddings differ along less than about one direction, or hardly at all, by their rank and spread.

    Parameters
    ----------
    metrics : dict of str to float
        Validation metrics; without rank and spread, nothing is known and the answer is False.
    """
    rank, spread = (metrics.get(f"embedding_{name}", float("inf")) for name in ("rank", "spread"))
    return rank < LOWEST_RANK or spread < LOWEST_SPREAD


def embedding_rank(embeddings: Tensor) -> float:
    """Effective rank of the embeddings.

    This is the exponential of the entropy of the normalised singular values of the centred embeddings (RankMe,
    arXiv:2210.02885).

    Parameters
    ----------
    embeddings : Tensor, float32 [sets, dim]

    Returns
    -------
    float
        From 1 to ``dim``; 0 if all embeddings are the same.
    """
    if embedding_spread(embeddings) < _ROUNDING:
        return 0.0
    values = torch.linalg.svdvals((embeddings - embeddings.mean(dim=0)).double())
    return float(torch.exp(torch.special.entr(values / values.sum()).sum()))


def embedding_spread(embeddings: Tensor) -> float:
    """Standard deviation of the embeddings of different jets, relative to their size.

    This is the root of the mean variance per dimension divided by the root mean square: 0 if all embeddings are the
    same, 1 if they scatter around zero.

    Parameters
    ----------
    embeddings : Tensor, float32 [sets, dim]
    """
    size = float(embeddings.square().mean())
    return (float(embeddings.var(dim=0, correction=0).mean()) / size) ** 0.5 if size > 0 else 0.0
