"""Discriminants and working points on awkward scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import awkward as ak

from coffea_fm.bundle import Calibration, WorkingPoint
from coffea_fm.errors import BundleError, InputError
from coffea_fm.names import close_name


def discriminant(scores: ak.Array, signal: str | Sequence[str], background: str | Sequence[str]) -> ak.Array:
    """``signal / (signal + background)``: the variable to cut on.

    It is 0 where both are 0, as for working points, and NaN where a jet has no score.

    Parameters
    ----------
    scores : awkward.Array
        Records of scores, as returned by a tagger.
    signal, background : str or sequence of str
        Classes whose scores are summed.

    Raises
    ------
    InputError
        If a class is not among the scores, or on both sides. The message names the nearest class.
    """
    above, below = _names(signal), _names(background)
    for name in (*above, *below):
        if "constituents" in scores.fields:
            raise InputError("these are jets, and not their scores: pass tagger(jets)")
        if name not in scores.fields:
            near = close_name(name, scores.fields, similarity=0)
            meant = f"; did you mean {near!r}?" if near else "."
            raise InputError(f"there is no score {name!r}{meant} The scores are {', '.join(scores.fields)}")
    if common := set(above) & set(below):
        raise InputError(f"{', '.join(sorted(common))} cannot be both signal and background of a discriminant")
    return fraction(_sum(scores, above), _sum(scores, below))


def fraction(signal: Any, background: Any) -> Any:
    """``signal / (signal + background)`` of numbers, or arrays of NumPy or awkward; 0 where both are 0."""
    total = signal + background
    return signal / (total + (total == 0))


def find_working_point(calibration: Calibration, name: str, bundle: str) -> WorkingPoint:
    """Return the working point with this name.

    Raises
    ------
    BundleError
        If no working points were measured, or none has this name. The message suggests the nearest.
    """
    known = {point.name: point for point in calibration.working_points}
    if name in known:
        return known[name]
    if not known:
        raise BundleError(
            f"the bundle {bundle!r} has no working points: measure them with 'coffea-fm evaluate --record', or cut on "
            "tagger.discriminant"
        )
    nearest = close_name(name, known, similarity=0)
    raise BundleError(
        f"the bundle {bundle!r} has no working point {name!r}; did you mean {nearest!r}? It has {', '.join(known)}"
    )


def _names(classes: str | Sequence[str]) -> tuple[str, ...]:
    return (classes,) if isinstance(classes, str) else tuple(classes)


def _sum(scores: ak.Array, names: tuple[str, ...]) -> ak.Array:
    total = scores[names[0]]
    for name in names[1:]:
        total = total + scores[name]
    return total
