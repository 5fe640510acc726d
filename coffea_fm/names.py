"""Names as others may write them: one injective function to names of files and of ROOT keys, and the nearest right name."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

FILE = r'/\\:;|*?"<>'
"""Letters that a file's name may not have, on one system or another."""
KEY = r"/\\:;"
"""Letters that mean something in a path inside a ROOT or zip file."""
_MARK = "~"
_LONGEST = 120
"""Bytes of a name; file systems take 255, and temporary names and endings come on top."""
_DIGITS = 10


def safe_name(name: str, forbidden: str = FILE) -> str:
    """A name for a file, a folder or a key in a file; different for different names.

    Parameters
    ----------
    name : str
        Any text, such as the name of a dataset or a category.
    forbidden : str
        Letters that it may not have there: `FILE` or `KEY`.

    Returns
    -------
    str
        The name itself wherever it may be one; else what is left of it, with ``~`` and a hash of the whole name, which
        no other name has. At most 120 bytes of UTF-8.
    """
    normal = unicodedata.normalize("NFC", name)
    kept = "".join("_" if letter in forbidden + _MARK else letter for letter in normal if letter.isprintable())
    kept = kept.strip().lstrip(".-")
    written = kept.encode("utf-8", "ignore")
    if kept == name and 0 < len(written) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return written[: _LONGEST - _DIGITS - 1].decode("utf-8", "ignore") + _MARK + digest


def safe_path(path: str) -> str:
    """A relative path with `safe_name` for each of its parts, which ``/`` separates."""
    return "/".join(safe_name(part) for part in path.split("/"))


def nearest(name: str, known: Iterable[str], otherwise: str = "choose one of") -> str:
    """The end of a sentence that refuses a name: the nearest known one, or all of them.

    Parameters
    ----------
    name : str
        What was given.
    known : iterable of str
        What could have been.
    otherwise : str
        What stands before the list of all names, where none is near.
    """
    names = list(dict.fromkeys(known))
    found = get_close_matches(name, names, n=1)
    return f"did you mean {found[0]!r}?" if found else f"{otherwise} {', '.join(names) or 'none'}"
