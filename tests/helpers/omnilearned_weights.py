"""Weights of OmniLearned's PET2 by a rule, so that numbers of its package can be committed without its weights."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import torch

CLASSES = 10
LENGTHS = [16, 12, 14, 8, 3]


def weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """A tensor for each name, from the name and its shape alone."""
    made = {}
    for name, shape in shapes.items():
        numbers = np.random.default_rng(zlib.crc32(name.encode())).uniform(-1.0, 1.0, shape)
        if len(shape) > 1:
            numbers *= 1.5 * np.prod(shape[1:]) ** -0.5
        elif name.endswith((".weight", ".alpha")):
            numbers = 0.5 + 0.3 * numbers
        made[name] = torch.tensor(numbers, dtype=torch.float32)
    return made


def draws(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A label and a time for each jet, and standard normal numbers for each particle."""
    random = np.random.default_rng(7)
    label = torch.arange(shape[0]) * 2
    time = torch.tensor(random.uniform(0.05, 0.95, shape[0]), dtype=torch.float32)
    return label, time, torch.tensor(random.normal(size=shape), dtype=torch.float32)
