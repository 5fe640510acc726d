"""Variations in which a hard process can be simulated again: their names, numbers and Pythia settings."""

from __future__ import annotations

from collections.abc import Sequence

from coffea_fm.errors import RecipeError
from coffea_fm.names import close_name

VARIATIONS: dict[str, tuple[str, ...]] = {
    "seed": (),
    "fsr-up": ("TimeShower:renormMultFac = 0.25",),
    "fsr-down": ("TimeShower:renormMultFac = 4",),
    "tune": ("Tune:pp = 21",),
}
"""Pythia settings by name of the variation. FSR up and down halve and double the renormalisation scale of the final-state
shower (the setting multiplies its square); the tune is ATLAS A14 with NNPDF2.3LO instead of Monash 2013."""

NUMBERS = {"nominal": 0} | {name: number for number, name in enumerate(VARIATIONS, start=1)}
"""Number of each simulation in the column ``variation``."""


def check_variations(names: Sequence[str]) -> None:
    """Check the names of variations.

    Raises
    ------
    RecipeError
        If one is unknown, or named twice.
    """
    for name in names:
        if name not in VARIATIONS:
            nearest = close_name(name, VARIATIONS, similarity=0)
            raise RecipeError(f"unknown variation {name!r}; did you mean {nearest!r}? Known: {', '.join(VARIATIONS)}")
    if len(set(names)) < len(names):
        raise RecipeError(f"the variations {', '.join(names)} name one of them twice; name each once")
