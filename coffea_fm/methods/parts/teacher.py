"""A teacher: an exponential moving average of the student, not trained by gradients."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Annotated, Any, Self

import torch
from pydantic import Field
from torch import nn

from coffea_fm.config import Config

Momentum = Annotated[float, Field(ge=0, le=1)]


class TeacherConfig(Config):
    """Momentum of a teacher.

    Parameters
    ----------
    start, end : float
        Weight of the old teacher in the average at the start and at the end of the training, with a cosine schedule in
        between.
    """

    start: Momentum = 0.992
    end: Momentum = 1.0

    def momentum(self, progress: float) -> float:
        """Momentum after this fraction of the training."""
        return self.end - (self.end - self.start) * 0.5 * (1 + math.cos(math.pi * progress))


class Teacher(nn.Module):
    """A moving average of a module, always in evaluation mode and without gradients.

    Parameters
    ----------
    config : TeacherConfig
    student : nn.Module
        The module to average.
    """

    def __init__(self, config: TeacherConfig, student: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.module = deepcopy(student).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Ignored by the copy, which stays in evaluation mode."""
        self.training = mode
        return self

    @torch.no_grad()
    def follow(self, student: nn.Module, progress: float) -> None:
        """Take a step towards the student; `progress` is the completed fraction of the training."""
        pairs = zip(self.module.state_dict().values(), student.state_dict().values(), strict=True)
        old, new = zip(*[pair for pair in pairs if pair[0].is_floating_point()], strict=True)
        torch._foreach_lerp_(list(old), list(new), 1 - self.config.momentum(progress))

    @torch.no_grad()
    def forward(self, *inputs: Any) -> Any:
        """Apply the averaged module."""
        return self.module(*inputs)
