"""Supervised regression of quantities such as a mass from the embedding of a jet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from coffea_fm.errors import InputError
from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.heads.regression import RegressionHead
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset


class RegressionConfig(MethodConfig):
    """The method ``regression``; the targets are set in the head."""

    heads: ClassVar = {"jet": ("regression",)}
    kind: Literal["regression"] = "regression"

    def build(self, model: Model) -> Regression:  # noqa: D102
        return Regression(model)


class Regression(Method):
    """Smooth L1 loss of standardised targets.

    Parameters
    ----------
    model : Model
        Its head is a regression head.

    Attributes
    ----------
    metrics : tuple of str
        ``error`` is the mean absolute error in units of the standard deviation of the target.
    """

    metrics: ClassVar = ("loss", "error")

    @property
    def head(self) -> RegressionHead:
        """The model's head."""
        return cast("RegressionHead", self.model.head)

    def prepare(self, data: ShardDataset, seed: int) -> None:  # noqa: ARG002
        """Compute mean and standard deviation of the targets on the training jets."""
        standardise(self.head, data)

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Loss and error of each jet, averaged over the targets."""
        loss, error = regression_loss(self.head, self.model(part.inputs), part.columns)
        return {"loss": loss, "error": error}


def standardise(head: RegressionHead, data: ShardDataset) -> None:
    """Give a head the mean and standard deviation of its targets on the training jets.

    Raises
    ------
    InputError
        If the shards have no such column, or its numbers are not finite or all the same.
    """
    columns = data.scalars(*head.columns)
    numbers = np.stack([columns[name] for name in head.columns]).astype(np.float64)
    for name, values in zip(head.columns, numbers, strict=True):
        if not np.isfinite(values).all() or np.ptp(values) == 0:
            raise InputError(f"{name} of the jets in {data.folder} is not finite, or all the same: collect them again")
    head.mean.copy_(torch.from_numpy(numbers.mean(axis=1)))
    head.deviation.copy_(torch.from_numpy(numbers.std(axis=1)))


def regression_loss(head: RegressionHead, found: Tensor, columns: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Smooth L1 loss and absolute error of standardised predictions [n, targets], averaged over the targets, [n]."""
    wanted = head.standardised(torch.stack([columns[name].float() for name in head.columns], dim=1))
    loss = smooth_l1_loss(found.float(), wanted, reduction="none").mean(dim=1)
    return loss, (found.float() - wanted).abs().mean(dim=1)
