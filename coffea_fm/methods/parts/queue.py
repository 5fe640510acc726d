"""A queue of keys of earlier jets, as negatives of contrastive learning (MoCo, arXiv:1911.05722)."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn
from torch.nn.functional import normalize, pad


class Queue(nn.Module):
    """The last keys, first in, first out. It starts with random directions, always the same.

    Parameters
    ----------
    size : int
        Number of keys.
    dim : int
        Width of a key.

    Attributes
    ----------
    keys : Tensor, float32 [size, dim]
        Unit vectors; the key that entered as number ``i`` (from 0) is in row ``i % size``.
    entered : Tensor, int64 []
        Number of keys that have entered so far.
    """

    keys: Tensor
    entered: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        directions = torch.randn(size, dim, generator=torch.Generator().manual_seed(0))
        self.register_buffer("keys", normalize(directions, dim=1))
        self.register_buffer("entered", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def enter(self, keys: Tensor) -> None:
        """Replace the oldest keys by these, float32 [n, dim]."""
        size = len(self.keys)
        numbers = self.entered + torch.arange(len(keys), device=keys.device)
        self.keys[numbers[-size:] % size] = keys[-size:].to(self.keys.dtype)
        self.entered += len(keys)


@torch.no_grad()
def of_all_processes(keys: Tensor) -> Tensor:
    """Join the keys of all processes, float32 [n, dim], in the same order in each; every process must call it."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return keys
    counts = [keys.new_zeros((), dtype=torch.int64) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, torch.as_tensor(len(keys), device=keys.device))
    most = max(int(count) for count in counts)
    parts = [keys.new_empty(most, keys.shape[1]) for _ in counts]
    distributed.all_gather(parts, pad(keys, (0, 0, 0, most - len(keys))).contiguous())
    return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])
