"""Parse JSON of bounded size and depth."""

from __future__ import annotations

import json
from typing import Any, Final

from coffea_fm.untrusted.plain import check_plain
from coffea_fm.untrusted.refused import Refused

MOST_BYTES: Final = 32 * 2**20
"""A fileset of 100,000 files is about 20 MB."""


def parse_json(text: bytes | str, most_bytes: int = MOST_BYTES) -> Any:
    """Parse JSON.

    Parameters
    ----------
    text : bytes or str
        UTF-8.
    most_bytes : int
        Refuse longer texts.

    Raises
    ------
    Refused
        If it is too long, not JSON, nested too deeply, or a key is twice in one object, so that programs would
        disagree on which of them counts.
    """
    if len(text) > most_bytes:
        raise Refused(f"it is larger than {most_bytes >> 20} MiB")
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        content = json.loads(decoded, object_pairs_hook=_object)
    except RecursionError as error:
        raise Refused("it is nested too deeply") from error
    except Refused:
        raise
    except ValueError as error:
        raise Refused(f"it is not JSON: {error}") from error
    check_plain(content)
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Refused(f"it has the key {twice[:60]!r} twice in one object")
    return content
