"""What went wrong in a file or a chunk: one sentence, and whether it is the file's fault."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from itertools import pairwise
from textwrap import shorten

from coffea_fm.errors import CoffeaFMError, InputError

_LONGEST = 300
"""Characters of another library's message: awkward puts whole types of arrays into some."""
_READERS = ("uproot", "fsspec", "fsspec_xrootd", "pyarrow", "XRootD")


class UnreadableFileError(InputError):
    """A file is absent, truncated or damaged."""


def refuse_truncated(file: str, size: int, end: int) -> None:
    """Refuse a ROOT file that is shorter than its header says, whatever could still be read of it."""
    if size < end:
        raise UnreadableFileError(f"cannot read {file}: it is truncated, {size} of {end} bytes are there")


def explain(error: BaseException, file: str, entries: str = "") -> CoffeaFMError:
    """The error that a user should see.

    Parameters
    ----------
    error : exception
        As raised while a file was opened or a chunk processed, with its causes.
    file : str
        The file that was read.
    entries : str
        Which of its entries.

    Returns
    -------
    CoffeaFMError
        `UnreadableFileError` if the reading of the file itself failed; what coffea-fm raised on purpose, completed
        by the place; else an `InputError` that names the exception and the line that raised it.
    """
    where = f"{file}, {entries}" if entries else file
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, CoffeaFMError):
            return cause if file in str(cause) else type(cause)(f"{cause} [{where}]")
    root = chain[-1]
    if any(map(_while_reading, chain)):
        return UnreadableFileError(f"cannot read {where}: {sentence(root)}; the file is absent, truncated or damaged")
    return InputError(f"processing {where} failed: {sentence(root)}{_place(root)}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def sentence(error: BaseException) -> str:
    """An exception in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {shorten(lines[0], _LONGEST).rstrip('.,:')}" if lines else type(error).__name__


def _place(error: BaseException) -> str:
    """The line to look at: the deepest one outside of installed packages."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    return f" at {own[-1].filename}:{own[-1].lineno}" if own else ""


def _while_reading(error: BaseException) -> bool:
    """Whether coffea was reading the file: a processor that opens files of its own is not excused."""
    if type(error).__name__ in {"KeyInFileError", "UprootMissTreeError"}:
        return False
    modules = [str(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(
        caller.startswith(("coffea.nanoevents", "coffea.processor.executor", "coffea_fm.running"))
        and callee.partition(".")[0] in _READERS
        for caller, callee in pairwise(modules)
    )
