"""Errors that a user can act on: one sentence that says what, where, and what to do."""

from __future__ import annotations


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
