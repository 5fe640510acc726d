"""Which arithmetic a training uses."""

from __future__ import annotations

from typing import Literal

import torch

from coffea_fm.errors import RecipeError

Asked = Literal["auto", "fp32", "bf16"]
Precision = Literal["fp32", "bf16"]


def choose_precision(asked: Asked, device: torch.device) -> Precision:
    """The precision for a recipe on a device.

    ``auto`` means bf16 on a GPU that has it and on a CPU with matrix tiles (AMX). On CPUs that have bf16 as a vector
    instruction only (AVX512-BF16), small networks lose more by converting than they gain: see ``benchmarks/training``.

    Raises
    ------
    RecipeError
        If bf16 is asked for and the device does not have it.
    """
    if asked == "auto":
        return "bf16" if _tiles(device) else "fp32"
    if asked == "bf16" and not _has_bf16(device):
        raise RecipeError(f"training.precision: this {device.type} has no bf16 arithmetic; use fp32 or auto")
    return asked


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported()) or _tiles(device)


def _tiles(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_amx_tile_supported())
