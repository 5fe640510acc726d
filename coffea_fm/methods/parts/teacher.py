"""A teacher: a slow average of the student, which nobody else trains."""

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
    """How slowly a teacher follows.

    Parameters
    ----------
    start, end : float
        Share of the old teacher in the new one after each step, at the begin and at the end of the training; between
        them along a cosine.
    """

    start: Momentum = 0.992
    end: Momentum = 1.0

    def momentum(self, progress: float) -> float:
        """The share at this fraction of the training."""
        return self.end - (self.end - self.start) * 0.5 * (1 + math.cos(math.pi * progress))


class Teacher(nn.Module):
    """A copy of a module that follows it; in evaluation mode, without gradients.

    Parameters
    ----------
    config : TeacherConfig
    student : nn.Module
        What to follow.
    """

    def __init__(self, config: TeacherConfig, student: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.module = deepcopy(student).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode."""
        self.training = mode
        return self

    @torch.no_grad()
    def follow(self, student: nn.Module, progress: float) -> None:
        """Take a step towards the student; `progress` is the fraction of the training that is done."""
        pairs = zip(self.module.state_dict().values(), student.state_dict().values(), strict=True)
        old, new = zip(*[pair for pair in pairs if pair[0].is_floating_point()], strict=True)
        torch._foreach_lerp_(list(old), list(new), 1 - self.config.momentum(progress))

    @torch.no_grad()
    def forward(self, *inputs: Any) -> Any:
        """What the copy says."""
        return self.module(*inputs)
