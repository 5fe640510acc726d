"""Detect collapse: whether the embeddings of different jets differ at all."""

from __future__ import annotations

import torch
from torch import Tensor

_ROUNDING = 1e-5


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
