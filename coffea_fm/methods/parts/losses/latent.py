"""Distances between predicted vectors and those of a teacher."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn.functional import layer_norm, mse_loss, smooth_l1_loss

Distance = Literal["l2", "smooth-l1"]


def normalised(vectors: Tensor) -> Tensor:
    """Shift and scale each vector to mean 0 and variance 1, as I-JEPA does with targets (arXiv:2301.08243); float32."""
    return layer_norm(vectors.float(), vectors.shape[-1:])


def latent_distance(predicted: Tensor, targets: Tensor, kind: Distance) -> Tensor:
    """Squared or smooth absolute difference (quadratic below 1), averaged over the last axis; float32 [...]."""
    loss = mse_loss if kind == "l2" else smooth_l1_loss
    return loss(predicted.float(), targets, reduction="none").mean(dim=-1)
