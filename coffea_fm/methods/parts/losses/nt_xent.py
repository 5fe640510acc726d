"""Contrastive loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Normalised temperature-scaled cross-entropy (arXiv:2002.05709): find the other view of the same jet.

    ``-log exp(s(i, j)/τ) / Σ_{k ≠ i} exp(s(i, k)/τ)`` with cosines s, where j is the other view of i and k runs over
    both views of all jets.

    Parameters
    ----------
    first, second : Tensor, float32 [jets, dim]
        Projections of the two views.
    temperature : float
        τ.

    Returns
    -------
    loss : Tensor, float32 [jets]
        Averaged over the two views; log(2 jets - 1) if all projections are the same.
    found : Tensor, float32 [jets]
        Fraction of the two views whose most similar view is the correct one.
    """
    vectors = normalize(torch.cat((first, second)), dim=-1)
    n_jets = len(first)
    similarity = (vectors @ vectors.T) / temperature
    similarity = similarity.masked_fill(torch.eye(2 * n_jets, dtype=torch.bool, device=first.device), -torch.inf)
    partner = torch.arange(2 * n_jets, device=first.device).roll(n_jets)
    loss = cross_entropy(similarity, partner, reduction="none")
    found = (similarity.argmax(dim=1) == partner).to(loss.dtype)
    return loss.view(2, n_jets).mean(dim=0), found.view(2, n_jets).mean(dim=0)
