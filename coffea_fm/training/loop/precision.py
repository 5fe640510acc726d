"""Which arithmetic a training uses."""

from __future__ import annotations

import os
from typing import Literal

import torch

from coffea_fm.errors import RecipeError

Asked = Literal["auto", "fp32", "bf16"]
Precision = Literal["fp32", "bf16"]


def choose_precision(asked: Asked, device: torch.device) -> Precision:
    """The precision for a recipe on a device.

    ``auto`` means bf16 wherever the device has it: matrix products, and on CPUs also attention, take less time than in
    fp32 (see ``benchmarks/training``). Weights, their averages and the optimizer stay in fp32.

    Raises
    ------
    RecipeError
        If bf16 is asked for and the device does not have it.
    """
    if asked == "auto":
        return "bf16" if _has_bf16(device) else "fp32"
    if asked == "bf16" and not _has_bf16(device):
        raise RecipeError(f"training.precision: this {device.type} has no bf16 arithmetic; use fp32 or auto")
    return asked


def remember_shapes() -> None:
    """Let oneDNN, which does the bf16 arithmetic on CPUs, keep what it prepared for each shape of batch.

    It reads the variable once, so this has to come before the first network. By default it keeps 1,024 of them, a
    third of what length groups need, and a training spends a fifth of its time preparing them again.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "4096")


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
