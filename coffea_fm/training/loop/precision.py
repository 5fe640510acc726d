"""Floating-point precision of a training."""

from __future__ import annotations

import os
from typing import Literal

import torch

from coffea_fm.errors import RecipeError

Asked = Literal["auto", "fp32", "bf16"]
Precision = Literal["fp32", "bf16"]


def choose_precision(asked: Asked, device: torch.device) -> Precision:
    """Choose the precision for a recipe on a device.

    ``auto`` selects bf16 if the device supports it: matrix products, and on CPUs also attention, are faster than in fp32
    (see ``benchmarks/training``). The weights, their averages and the optimizer state are always in fp32.

    Raises
    ------
    RecipeError
        If bf16 is requested but the device does not support it.
    """
    if asked == "auto":
        return "bf16" if _has_bf16(device) else "fp32"
    if asked == "bf16" and not _has_bf16(device):
        raise RecipeError(f"training.precision: this {device.type} has no bf16 arithmetic; use fp32 or auto")
    return asked


def remember_shapes() -> None:
    """Enlarge the kernel cache of oneDNN, which does the bf16 arithmetic on CPUs.

    oneDNN compiles a kernel for each batch shape. Its default cache holds 1,024 of them, a third of what the length
    groups need, and a training would spend a fifth of its time recompiling them. The variable is read only once, so it
    has to be set before the first network runs.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "4096")


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
