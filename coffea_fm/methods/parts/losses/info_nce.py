"""Contrastive loss of queries, each with one correct key and many wrong ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def info_nce(queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """InfoNCE with a queue (arXiv:1911.05722, eq. 1): ``-log exp(q·k/τ) / [exp(q·k/τ) + Σ_n exp(q·n/τ)]``.

    Parameters
    ----------
    queries, keys : Tensor, float32 [jets, dim]
        Unit vectors of two views.
    negatives : Tensor, float32 [n, dim]
        Unit vectors of other jets.
    temperature : float
        τ.

    Returns
    -------
    loss : Tensor, float32 [jets]
        log(n + 1) if all vectors are the same.
    found : Tensor, float32 [jets]
        1 if no wrong key is as similar to the query as the correct one.
    """
    correct = (queries * keys).sum(dim=1, keepdim=True)
    wrong = queries @ negatives.T
    logits = torch.cat((correct, wrong), dim=1) / temperature
    target = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
    found = (wrong < correct).all(dim=1).to(logits.dtype)
    return cross_entropy(logits, target, reduction="none"), found
