"""Errors that a user can act on: one sentence that says what is wrong, where, and what to do."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from types import FrameType

_PACKAGE = str(Path(__file__).parent) + os.sep


class CoffeaFMError(ValueError):
    """Base class of all errors that coffea-fm raises intentionally."""


class InputError(CoffeaFMError):
    """Arrays or files do not contain what is needed."""


class OutputError(InputError):
    """A file cannot be written: the disk is full, or the folder is not writable."""


class BundleError(CoffeaFMError):
    """A bundle is damaged, incomplete, or has a version that this coffea-fm cannot read."""


class ServerError(CoffeaFMError):
    """A server that runs a model is away, or refuses."""


class RecipeError(CoffeaFMError):
    """A recipe, fileset or command-line option is invalid."""


class InputWarning(UserWarning):
    """Inputs are probably not as intended, but the result is well defined."""


def first_line(error: BaseException, longest: int = 300) -> str:
    """The first line of another library's message, or the name of the exception if it says nothing."""
    return next((line.strip()[:longest] for line in str(error).splitlines() if line.strip()), type(error).__name__)


def warn(sentence: str) -> None:
    """Issue an `InputWarning`, attributed to the calling line outside coffea-fm."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(sentence, InputWarning, stacklevel=level)
