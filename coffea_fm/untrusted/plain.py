"""Plain values, as JSON and YAML give them: bound how deep they are nested and how large their numbers are."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from coffea_fm.untrusted.refused import Refused

DEEPEST: Final = 60
"""Manifests, recipes and filesets are at most about ten deep."""
_LARGEST: Final = 2**64


def check_plain(content: Any) -> None:
    """Refuse values that are nested too deeply, or that are no plain values.

    Parameters
    ----------
    content : object
        From a reader of JSON or YAML; lists and mappings are followed.

    Raises
    ------
    Refused
        If lists and mappings are nested more than `DEEPEST` deep, an integer needs more than 64 bits, text is not
        Unicode, or something else than text, numbers, dates, lists and mappings is in it.
    """
    below: list[tuple[Any, int]] = [(content, 0)]
    while below:
        value, depth = below.pop()
        if depth > DEEPEST:
            raise Refused(f"it is nested more than {DEEPEST} deep")
        if isinstance(value, dict):
            below += ((part, depth + 1) for pair in value.items() for part in pair)
        elif isinstance(value, list):
            below += ((part, depth + 1) for part in value)
        else:
            _check_leaf(value)


def _check_leaf(value: Any) -> None:
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value)
    elif isinstance(value, int):
        if abs(value) > _LARGEST:
            raise Refused("it has an integer of more than 64 bits")
    elif not (value is None or isinstance(value, float | date)):
        raise Refused(f"it has a value of type {type(value).__name__}; use text, numbers, lists and mappings")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refused("it has text that is not Unicode") from error
