"""Check the processor's options from the command line, before any file is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coffea_fm.errors import RecipeError


def number(name: str, value: Any) -> float:
    """Check for a finite number.

    Raises
    ------
    RecipeError
        If the option is not a finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise RecipeError(f"the option {name}={value!r} is not a number")
    return float(value)


def medium_and_tight(name: str, value: Any) -> tuple[float, float]:
    """Check for two cuts on a discriminant.

    Raises
    ------
    RecipeError
        If the option is not two ascending numbers between 0 and 1.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise RecipeError(f"the option {name}={value!r} is not a medium and a tight cut: use e.g. {name}=[0.8, 0.98]")
    medium, tight = (number(name, cut) for cut in value)
    if not 0 <= medium <= tight <= 1:
        raise RecipeError(f"the option {name}={value!r}: the medium cut comes first, and both are between 0 and 1")
    return medium, tight
