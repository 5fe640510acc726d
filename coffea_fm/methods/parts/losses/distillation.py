"""Self-distillation: the student's classes are to be the teacher's, for other views of the jet."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import log_softmax


@torch.no_grad()
def sinkhorn(logits: Tensor, temperature: Tensor | float, iterations: int = 3) -> Tensor:
    """Classes of the teacher, used equally often (Sinkhorn-Knopp, arXiv:2006.09882).

    Parameters
    ----------
    logits : Tensor, float32 [jets, classes]
    temperature : Tensor or float
    iterations : int
        How often the classes are made equal.

    Returns
    -------
    Tensor, float32 [jets, classes]
        Probabilities: 1 in sum over the classes, and about jets / classes in sum over the jets.
    """
    logarithm = logits / temperature
    for _ in range(iterations):
        logarithm = log_softmax(log_softmax(logarithm, dim=0), dim=1)
    return logarithm.exp()


def distillation(targets: Mapping[int, Tensor], logits: Mapping[int, Tensor], temperature: float) -> Tensor:
    """Cross-entropy of the student's classes under the teacher's, mean over all pairs of different views.

    Parameters
    ----------
    targets : dict of int to Tensor, float32 [jets, classes]
        Probabilities that the teacher gives, by the number of the view.
    logits : dict of int to Tensor, float32 [jets, classes]
        Of the student, likewise.
    temperature : float
        Of the student.

    Returns
    -------
    Tensor, float32 [jets]
    """
    student = {view: log_softmax(values / temperature, dim=1) for view, values in logits.items()}
    pairs = [
        -(target * classes).sum(dim=1)
        for view, target in targets.items()
        for other, classes in student.items()
        if other != view
    ]
    return torch.stack(pairs).mean(dim=0)
