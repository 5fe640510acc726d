"""What the inputs of a correction mean. Files name the same thing differently."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from coffea_fm.errors import InputError

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "pt": ("pt", "jetpt", "ptjet", "fatjetpt", "transversemomentum"),
    "eta": ("eta", "jeteta", "etajet", "fatjeteta"),
    "abseta": ("abseta", "absjeteta", "jetabseta"),
    "phi": ("phi", "jetphi"),
    "flavour": ("flavor", "flavour", "hadronflavor", "hadronflavour", "jetflavor", "jetflavour"),
    "discriminant": ("discriminant", "discr", "disc", "score", "taggerscore", "btagscore"),
    "working_point": ("workingpoint", "wp"),
    "systematic": ("systematic", "systematics", "syst", "sys", "valtype", "variation", "uncertainty", "scalefactors"),
}
_VARIATIONS: Final[dict[str, tuple[str, ...]]] = {
    "nominal": ("nominal", "central", "nom", "sf"),
    "up": ("up", "sfup", "systup", "totup"),
    "down": ("down", "sfdown", "systdown", "totdown"),
}
_ABBREVIATIONS: Final[dict[str, tuple[str, ...]]] = {
    "loose": ("L",),
    "medium": ("M",),
    "tight": ("T",),
    "xtight": ("XT",),
    "xxtight": ("XXT",),
}


def meaning(name: str) -> str:
    """What an input means, e.g. ``"working_point"`` for ``WorkingPoint``; empty if it is none of the known names."""
    bare = re.sub(r"[^a-z]", "", name.lower())
    if "|" in name:
        bare = f"abs{bare}"
    return next((known for known, names in _NAMES.items() if bare in names), "")


def variation_key(variation: str, keys: Sequence[str | int], what: str) -> str:
    """The word that a correction uses for nominal, up or down; any other variation is passed by its own word.

    Raises
    ------
    InputError
        If the correction has no such variation.
    """
    words = [str(key) for key in keys]
    if not words:
        return variation
    if variation in words:
        return variation
    found = next((word for word in words if word.lower() in _VARIATIONS.get(variation, ())), None)
    if found is None:
        raise InputError(f"{what} has no variation {variation!r}: it has {', '.join(words)}")
    return found


def working_point_key(working_point: str, keys: Sequence[str | int], what: str) -> str:
    """The word that a correction uses for a working point: ``Hbb_medium``, ``medium`` or ``M``.

    Raises
    ------
    InputError
        If it has none of these.
    """
    level = working_point.rpartition("_")[2]
    words = [str(key) for key in keys]
    wanted = (working_point, level, *_ABBREVIATIONS.get(level.lower(), ()))
    if not words:
        return working_point
    found = next((word for each in wanted for word in words if word.lower() == each.lower()), None)
    if found is None:
        raise InputError(f"{what} has no working point {working_point!r}: it has {', '.join(words)}")
    return found
