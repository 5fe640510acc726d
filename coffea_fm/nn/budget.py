"""Bound the memory of a network while it is built from a description that somebody else wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import torch
from torch.overrides import TorchFunctionMode

from coffea_fm.errors import InputError

_BESIDE_WEIGHTS: Final = 32 * 2**20
"""Buffers that are not stored, and numbers that only the initialisation needs."""
_MAKERS: Final = frozenset((torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.arange))


class Budget(TorchFunctionMode):
    """Count the bytes of new tensors, and stop when a network is larger than its weights.

    Parameters
    ----------
    weights : int
        Size of the weights that it will get, bytes.

    Raises
    ------
    InputError
        In the block, once the tensors are larger than the weights by far. New tensors take no memory until they are
        written to, so that even the first that is too large costs none.
    """

    def __init__(self, weights: int) -> None:
        super().__init__()
        self._left = 2 * weights + _BESIDE_WEIGHTS

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            made = func(*args, **(kwargs or {}))
        except RuntimeError as error:
            if func in _MAKERS:
                raise InputError("the network that is described is too large for this machine") from error
            raise
        if func in _MAKERS and isinstance(made, torch.Tensor):
            self._left -= made.nbytes
            if self._left < 0:
                raise InputError("the network that is described is much larger than its weights")
        return made
