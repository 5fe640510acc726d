"""Safe and unique names of files and ROOT keys, and suggestions for misspelt names."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

FILE = r'/\\:;|*?"<>'
"""Characters that are not allowed in file names on some systems."""
KEY = r"/\\:;"
"""Characters with a special meaning in paths inside ROOT or zip files."""
_MARK = "~"
_LONGEST = 120
"""Maximum bytes of a name; file systems allow 255, including temporary prefixes and suffixes."""
_DIGITS = 10


def safe_name(name: str, forbidden: str = FILE) -> str:
    """Convert to a valid name of a file, a folder or a key in a file. Different names stay different.

    Parameters
    ----------
    name : str
        Any text, such as the name of a dataset or a category.
    forbidden : str
        Characters that are not allowed: `FILE` or `KEY`.

    Returns
    -------
    str
        The name itself if it is valid; otherwise its valid part with ``~`` and a hash of the full name, which is unique.
        At most 120 bytes of UTF-8.
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
    """Apply `safe_name` to each part of a relative path, separated by ``/``."""
    return "/".join(safe_name(part) for part in path.split("/"))


def nearest(name: str, known: Iterable[str], otherwise: str = "choose one of") -> str:
    """End an error message about an unknown name: with the nearest known name, or all known names.

    Parameters
    ----------
    name : str
        The unknown name.
    known : iterable of str
        The known names.
    otherwise : str
        Text before the list of all names, if none is near.
    """
    names = list(dict.fromkeys(known))
    found = close_name(name, names)
    return f"did you mean {found!r}?" if found else f"{otherwise} {', '.join(names) or 'none'}"


def close_name(name: str, known: Iterable[str], *, similarity: float = 0.6) -> str | None:
    """The known name most similar to an unknown one, if any is similar. It is never the name itself.

    Parameters
    ----------
    name : str
        The unknown name.
    known : iterable of str
        The known names.
    similarity : float
        From 0, for the most similar one however different, to 1.
    """
    found = get_close_matches(name, [each for each in known if each != name], n=1, cutoff=similarity)
    return found[0] if found else None


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
