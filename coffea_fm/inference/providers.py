"""Where a model runs."""

from __future__ import annotations

from collections.abc import Sequence

from coffea_fm.errors import InputError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
_SHORT = {"cpu": CPU, "cuda": CUDA}


def choose_providers(asked: Sequence[str] | None, available: Sequence[str]) -> tuple[str, ...]:
    """Choose execution providers of onnxruntime, in order of preference.

    Parameters
    ----------
    asked : sequence of str, optional
        ``"cuda"``, ``"cpu"`` or onnxruntime's own names. By default CUDA if this onnxruntime has it, then CPU.
    available : sequence of str
        Providers of this onnxruntime.

    Raises
    ------
    InputError
        If a requested provider is not available.
    """
    if asked is None:
        return tuple(name for name in (CUDA, CPU) if name in available)
    names = tuple(_SHORT.get(name.lower(), name) for name in asked)
    absent = [name for name in names if name not in available]
    if absent or not names:
        raise InputError(
            f"the onnxruntime here has no provider {', '.join(absent) or 'in an empty list'} (it has "
            f"{', '.join(available)}): install coffea-fm[gpu] for CUDA, or leave providers out"
        )
    return names
