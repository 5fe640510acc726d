"""Explain errors in a file or a chunk in one sentence, and decide whether the file is damaged."""

from __future__ import annotations

import errno
import re
import socket
import traceback
import urllib.request
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from textwrap import shorten

from coffea_fm.errors import CoffeaFMError, InputError
from coffea_fm.running.kinds import other_kind, starts_otherwise

_LONGEST = 300
"""Maximum length of another library's message. Some messages of awkward contain whole array types."""
_NETWORK = ("aiohttp", "requests", "urllib", "urllib3", "http")
_UNREACHABLE = re.compile(
    r"range requests|timed? ?out|unreachable|connection (refused|reset|error)|\[3012\]", re.IGNORECASE
)
_DENIED = re.compile(
    r"permission denied|not authori[sz]ed|\[3010\]|auth failed|403, message|401, message", re.IGNORECASE
)
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC)
_UNSUPPORTED = {"UnknownInterpretation", "NotNumerical", "CannotBeStrided", "CannotBeAwkward", "NotImplementedError"}
_READERS = ("uproot", "fsspec", "fsspec_xrootd", "pyarrow", "XRootD")


class UnreadableFileError(InputError):
    """A file is missing, truncated or damaged. Only such files may be skipped."""


class NetworkError(InputError):
    """A server does not answer, or answers wrongly. The files are fine."""


class SetupError(InputError):
    """The installation, machine or account cannot read a file that is fine."""


def refuse_truncated(file: str, size: int, end: int) -> None:
    """Refuse a ROOT file that is shorter than its header says, even if part of it can be read."""
    if size < end:
        raise UnreadableFileError(f"cannot read {file}: it is truncated to {size} of {end} bytes")


def explain(error: BaseException, file: str, entries: str = "") -> CoffeaFMError:
    """Turn an exception into the error that a user should see.

    Parameters
    ----------
    error : exception
        Raised while a file was opened or a chunk processed, with its causes.
    file : str
        The file that was read.
    entries : str
        The entries that were read.

    Returns
    -------
    CoffeaFMError
        `UnreadableFileError` if the file itself could not be read; an error of coffea-fm, with the file added;
        otherwise an `InputError` with the exception and the line that raised it.
    """
    where = f"{file}, {entries}" if entries else file
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, CoffeaFMError):
            return cause if file in str(cause) else type(cause)(f"{cause} [{where}]")
    root = chain[-1]
    if isinstance(root, MemoryError) or any(getattr(cause, "errno", None) in _EXHAUSTED for cause in chain):
        return SetupError(f"cannot process {where}: {sentence(root)}; this machine has run out of it")
    if any(map(_while_reading, chain)):
        return _of_reading(chain, file, where)
    if "missing event ID" in str(root):  # coffea's, of NanoAOD schemas
        return InputError(
            f"{file} does not fit the schema, which is one for NanoAOD: set --schema to the one that "
            f"'coffea-fm models --for {file}' finds"
        )
    return InputError(f"processing {where} failed: {sentence(root)}{_place(root)}")


def _of_reading(chain: Sequence[BaseException], file: str, where: str) -> CoffeaFMError:
    """Explain why a file cannot be read. The file is called damaged only if there is no other explanation."""
    said = sentence(chain[-1])
    for cause in chain:
        if isinstance(cause, ImportError):
            return SetupError(f"cannot read {where}: {sentence(cause)}; the file is fine: install the missing package")
        if (
            isinstance(cause, PermissionError)
            or getattr(cause, "status", 0) in (401, 403)
            or _DENIED.search(str(cause))
        ):
            return SetupError(
                f"cannot read {where}: {sentence(cause)}; this account has no permission to read the file: "
                "renew its proxy or token, or ask for access"
            )
        if isinstance(cause, MemoryError) or getattr(cause, "errno", None) in _EXHAUSTED:
            return SetupError(f"cannot read {where}: {sentence(cause)}; this machine has run out of it")
        if isinstance(cause, IsADirectoryError):
            return InputError(f"{where} is a folder: give the files in it, or only the folder as the fileset")
        if "Protocol not known" in str(cause):
            return InputError(f"cannot read {where}: {sentence(cause)}; check the protocol of the URL")
        if type(cause).__name__ in _UNSUPPORTED:
            return InputError(
                f"uproot cannot interpret the content of {where}: {sentence(cause)}; the file is not damaged"
            )
        if isinstance(cause, FileNotFoundError):
            break
        if _of_network(cause):
            return NetworkError(
                f"cannot read {where}: {sentence(cause)}; the problem is the server or the network: try again"
            )
    if file.startswith("http") and serves_no_ranges(file):
        return NetworkError(
            f"cannot read {where}: its server does not support byte ranges: download the file, or use another server"
        )
    if (other := other_kind(Path(file))) is not None:
        return InputError(f"{where} {other}")
    if any(isinstance(cause, FileNotFoundError) for cause in chain):
        return UnreadableFileError(f"cannot read {where}: there is no such file; check its path")
    if starts_otherwise(Path(file)):
        return UnreadableFileError(f"cannot read {where}: it does not start as a ROOT or parquet file does")
    return UnreadableFileError(f"cannot read {where}: {said}; the file is truncated or damaged")


def _of_network(error: BaseException) -> bool:
    return isinstance(error, ConnectionError | TimeoutError | socket.gaierror) or (
        type(error).__module__.partition(".")[0] in _NETWORK or bool(_UNREACHABLE.search(str(error)))
    )


def serves_no_ranges(url: str) -> bool:
    """Whether a server answers a request for a byte range with the whole file."""
    try:
        request = urllib.request.Request(url, headers={"Range": "bytes=0-3"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def sentence(error: BaseException) -> str:
    """Describe an exception in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {shorten(lines[0], _LONGEST).rstrip('.,:')}" if lines else type(error).__name__


def _place(error: BaseException) -> str:
    """The line to look at: the deepest one outside installed packages."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    return f" at {own[-1].filename}:{own[-1].lineno}" if own else ""


def _while_reading(error: BaseException) -> bool:
    """Whether coffea itself was reading the file, rather than a processor that opens other files."""
    if type(error).__name__ in {"KeyInFileError", "UprootMissTreeError"}:
        return False
    modules = [str(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(
        caller.startswith(("coffea.nanoevents", "coffea.processor.executor", "coffea_fm.running"))
        and callee.partition(".")[0] in _READERS
        for caller, callee in pairwise(modules)
    )
