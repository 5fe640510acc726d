"""Self-distillation: the student predicts the teacher's class probabilities for other views of the jet."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import log_softmax


@torch.no_grad()
def sinkhorn(logits: Tensor, temperature: Tensor | float, iterations: int = 3) -> Tensor:
    """Teacher probabilities, balanced such that all classes are used equally often (Sinkhorn-Knopp, arXiv:2006.09882).

    Parameters
    ----------
    logits : Tensor, float32 [jets, classes]
    temperature : Tensor or float
    iterations : int
        Number of normalisation steps.

    Returns
    -------
    Tensor, float32 [jets, classes]
        Probabilities. The sum over the classes is 1, and the sum over the jets is about jets / classes.
    """
    logarithm = logits / temperature
    for _ in range(iterations):
        logarithm = log_softmax(log_softmax(logarithm, dim=0), dim=1)
    return logarithm.exp()


def distillation(targets: Mapping[int, Tensor], logits: Mapping[int, Tensor], temperature: float) -> Tensor:
    """Cross-entropy between teacher and student, averaged over all pairs of different views.

    Parameters
    ----------
    targets : dict of int to Tensor, float32 [jets, classes]
        Probabilities of the teacher, by the index of the view.
    logits : dict of int to Tensor, float32 [jets, classes]
        Logits of the student, by the index of the view.
    temperature : float
        Temperature of the student.

    Returns
    -------
    Tensor, float32 [jets]
    """
    pairs = [
        cross_entropies(target, values, temperature)
        for view, target in targets.items()
        for other, values in logits.items()
        if other != view
    ]
    return torch.stack(pairs).mean(dim=0)


def cross_entropies(targets: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of each row between probabilities of the teacher and logits of the student, both [n, classes]."""
    return -(targets * log_softmax(logits / temperature, dim=1)).sum(dim=1)
