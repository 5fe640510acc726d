"""What a network gives for whole sets of things: in their order, and computed only once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from coffea_fm.arrays import FloatArray
from coffea_fm.files import atomic
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.nn.inputs import Device, Inputs
from coffea_fm.tokens import Level, Packed

MICRO_TOKENS = 4096


@torch.no_grad()
def in_order(
    function: Callable[[Inputs], Tensor], packed: Packed, level: Level, dim: int, device: Device = "cpu"
) -> FloatArray:
    """Apply a function of padded inputs to packed things, grouped by length.

    Parameters
    ----------
    function : callable
        Gives one vector per thing, float32 [things, dim].
    packed : Packed
    level : Level
        Describes them.
    dim : int
        Width of the vectors.
    device : torch.device
        Device of the function.

    Returns
    -------
    float32 array of shape [n_things, dim]
        In the order of the things.
    """
    vectors = np.empty((len(packed), dim), dtype=np.float32)
    examples = Examples(packed, {"row": np.arange(len(packed))}, np.ones(len(packed), dtype=np.float32))
    for batch in padded_batches(examples, level, MICRO_TOKENS, device):
        vectors[batch.columns["row"].numpy(force=True)] = function(batch.inputs).numpy(force=True)
    return vectors


def kept(path: Path, compute: Callable[[], FloatArray]) -> FloatArray:
    """The array in a ``.npy`` file; if there is none, it is computed and written."""
    if path.exists():
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
    array = compute()
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)
    return array
