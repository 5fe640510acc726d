"""What a kind of file needs to be fuzzed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutations import Rng


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Parameters
    ----------
    name : str
    prepare : callable
        Makes the files that are changed, in an empty folder; anything it returns goes to the others.
    make : callable
        ``make(prepared, rng, folder)`` writes one changed input into an empty folder.
    load : callable
        ``load(prepared, folder)`` loads it, as users do.
    """

    name: str
    prepare: Callable[[Path], Any]
    make: Callable[[Any, Rng, Path], None]
    load: Callable[[Any, Path], object]
