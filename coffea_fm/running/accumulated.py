"""Take apart what a processor returned: histograms by path, and everything else."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
from hist import BaseHist


def histograms(output: Any) -> dict[str, BaseHist[Any]]:
    """All histograms of nested mappings, by their keys joined with ``/``."""
    return {path: value for path, value in _leaves(output) if isinstance(value, BaseHist)}


def counts(output: Any) -> Any:
    """The same nested mappings with numbers, texts, lists and sets alone, as JSON takes them.

    Histograms and arrays are left out; numpy scalars become Python's, sets become sorted lists.
    """
    if isinstance(output, Mapping):
        kept = {str(key): counts(value) for key, value in output.items()}
        return {key: value for key, value in kept.items() if value is not None and value != {}}
    if isinstance(output, np.generic):
        return output.item()
    if isinstance(output, AbstractSet):
        return sorted((counts(item) for item in output), key=str)
    return output if isinstance(output, bool | int | float | str | list) else None


def _leaves(output: Any, path: str = "") -> list[tuple[str, Any]]:
    if not isinstance(output, Mapping):
        return [(path or "output", output)]
    return [leaf for key, value in output.items() for leaf in _leaves(value, f"{path}/{key}".lstrip("/"))]
