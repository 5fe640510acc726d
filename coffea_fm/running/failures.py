"""Explain errors in a file or a chunk in one sentence, and decide whether the file is damaged."""

from __future__ import annotations

import traceback
import urllib.request
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from textwrap import shorten

from coffea_fm.errors import CoffeaFMError, InputError, first_line
from coffea_fm.remote import Cause, cause, causes, may_pass
from coffea_fm.running.kinds import other_kind, starts_otherwise

_LONGEST = 300
"""Maximum length of another library's message. Some messages of awkward contain whole array types."""
_UNSUPPORTED = {"UnknownInterpretation", "NotNumerical", "CannotBeStrided", "CannotBeAwkward", "NotImplementedError"}
_EXTRAS = {"root": "xrootd", "roots": "xrootd", "xroot": "xrootd", "s3": "s3"}
_READERS = ("uproot", "fsspec", "fsspec_xrootd", "pyarrow", "XRootD")


class UnreadableFileError(InputError):
    """A file is missing, truncated or damaged. Only such files may be skipped."""


class MissingFileError(UnreadableFileError):
    """There is no such file."""


class NetworkError(InputError):
    """A server does not answer, or answers wrongly. The files are fine."""


class RefusedError(NetworkError):
    """A server answers, and refuses or cannot do what is asked: another attempt would fail, too."""


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
    chain = list(causes(error))
    for known in chain:
        if isinstance(known, CoffeaFMError):
            return known if file in str(known) else type(known)(f"{known} [{where}]")
    root = chain[-1]
    if any(cause(each) is Cause.EXHAUSTED for each in chain):
        return SetupError(f"cannot process {where}: {sentence(root)}; {Cause.EXHAUSTED.value}")
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
    for error in chain:
        why, about = cause(error), sentence(error)
        if why is Cause.PLUGIN:
            return SetupError(f"cannot read {where}: {about}; the file is fine: {why.value}{_extra(file, about)}")
        if why is Cause.DENIED:
            return SetupError(
                f"cannot read {where}: {about}; this account has no permission to read the file: {why.value}"
            )
        if why is Cause.FOLDER:
            return InputError(f"{where} is a folder: {why.value}, or only the folder as the fileset")
        if why is Cause.PROTOCOL:
            return InputError(f"cannot read {where}: {about}; {why.value}")
        if type(error).__name__ in _UNSUPPORTED:
            return InputError(f"uproot cannot interpret the content of {where}: {about}; the file is not damaged")
        if why is Cause.MISSING:
            return MissingFileError(f"cannot read {where}: there is no such file; {why.value}")
        if why is Cause.NETWORK and "range requests" not in about:
            kind = NetworkError if may_pass(error) else RefusedError
            return kind(f"cannot read {where}: {about}; the problem is the server or the network: {why.value}")
    if file.startswith("http") and serves_no_ranges(file):
        return RefusedError(
            f"cannot read {where}: its server does not support byte ranges: download the file, or use another server"
        )
    if (other := other_kind(Path(file))) is not None:
        return InputError(f"{where} {other}")
    if starts_otherwise(Path(file)):
        return UnreadableFileError(f"cannot read {where}: it does not start as a ROOT or parquet file does")
    return UnreadableFileError(f"cannot read {where}: {said}; the file is truncated or damaged")


def _extra(file: str, about: str) -> str:
    """The extra of coffea-fm that reads files of this protocol, if its plugin is what is missing."""
    extra = _EXTRAS.get(file.partition("://")[0])
    plugin = any(word in about.lower() for word in ("fsspec", "filesystem", "s3fs", "xrootd"))
    return f", with pip install 'coffea-fm[{extra}]'" if extra and plugin else ""


def serves_no_ranges(url: str) -> bool:
    """Whether a server answers a request for a byte range with the whole file."""
    try:
        request = urllib.request.Request(url, headers={"Range": "bytes=0-3"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def sentence(error: BaseException) -> str:
    """Describe an exception in one line."""
    name, said = type(error).__name__, first_line(error, 10 * _LONGEST)
    return name if said == name else f"{name}: {shorten(said, _LONGEST).rstrip('.,:')}"


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
