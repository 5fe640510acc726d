"""Errors that a user can act on: one sentence that says what, where, and what to do."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from types import FrameType

_PACKAGE = str(Path(__file__).parent) + os.sep


class CoffeaFMError(ValueError):
    """Base of every error that coffea-fm raises on purpose."""


class InputError(CoffeaFMError):
    """The arrays or files given do not hold what is asked of them."""


class BundleError(CoffeaFMError):
    """A bundle is damaged, incomplete, or of a version this coffea-fm does not read."""


class RecipeError(CoffeaFMError):
    """A recipe, fileset or command-line option is not valid."""


class InputWarning(UserWarning):
    """Inputs that are probably not what was meant; what is computed is still defined."""


def warn(sentence: str) -> None:
    """Give an `InputWarning`, at the line outside of coffea-fm from which it was called."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(sentence, InputWarning, stacklevel=level)
