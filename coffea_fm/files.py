"""Write files atomically, under a temporary name and then renamed; and recognise paths of the same file."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import re
import socket
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from coffea_fm.errors import OutputError, RecipeError

_ABANDONED = 86400.0
"""Seconds after which nobody goes on writing a file."""
_TEMPORARY = re.compile(r"\.(?P<start>[0-9a-f]+-(?P<host>[0-9a-f]+)-(?P<pid>\d+)-[0-9a-f]+)-[0-9a-f]+\.tmp$")
_NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE)


@dataclass(frozen=True)
class Written:
    """What is written during one task of a run.

    Parameters
    ----------
    run : str
        From `start_of`: part of the names of its temporary files.
    files : list of Path
        Files that are complete.
    """

    run: str
    files: list[Path] = field(default_factory=list)


_written: ContextVar[Written | None] = ContextVar("written", default=None)


@contextmanager
def noting_files(run: str) -> Iterator[list[Path]]:
    """Collect the files that `atomic` writes meanwhile in this thread.

    Parameters
    ----------
    run : str
        From `start_of`.
    """
    written = Written(run)
    token = _written.set(written)
    try:
        yield written.files
    finally:
        _written.reset(token)


NO_RUN = "0" * 8
"""In place of the name of a run, for files that are not written during one of its tasks."""


def start_of(run: str) -> str:
    """A name for this start of a run, which may be started several times, and at the same time.

    Parameters
    ----------
    run : str
        Hexadecimal name of the run.
    """
    return f"{run}-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def remove_temporary(folder: Path, start: str) -> None:
    """Remove what killed processes left of the files that they were writing.

    Those of this start, and those of other starts of the same run, or of no run, that are over: their process is gone,
    or, on another machine, they have not been written to for a day.

    Parameters
    ----------
    folder : Path
    start : str
        From `start_of`.
    """
    runs = {start.partition("-")[0], NO_RUN}
    for path in folder.rglob(".*.tmp"):
        found = _TEMPORARY.search(path.name)
        if found is None or found["start"].partition("-")[0] not in runs:
            continue
        if found["start"] == start or _is_over(found["host"], int(found["pid"]), path):
            path.unlink(missing_ok=True)


def _is_over(host: str, pid: int, path: Path) -> bool:
    if host == _host():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it is somebody else's process, perhaps with a number that was used before
            pass
        else:
            return False
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > _ABANDONED
    return False


def _host() -> str:
    """What tells numbers of processes apart: machines, and containers, which may have the same name."""
    place = socket.gethostname()
    with suppress(OSError):
        place += Path("/proc/sys/kernel/random/boot_id").read_text() + str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(place.encode()).hexdigest()[:8]


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Provide a temporary path next to `path`, renamed to it on success and removed on failure.

    Parameters
    ----------
    path : path-like
        The file to write; its folder is created if needed.

    Raises
    ------
    OutputError
        If the folder cannot be created or written to, or the disk is full.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {target.parent}: {error.strerror}; choose another output folder") from error
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"cannot write to {target.parent}: permission denied; choose another output folder")
    written = _written.get()
    label = f"{written.run if written else start_of(NO_RUN)}-{uuid.uuid4().hex[:8]}"
    temporary = target.with_name(f".{target.name}.{label}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.errno in _NOT_WRITABLE:
            raise OutputError(f"cannot write {target}: {os.strerror(error.errno)}") from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    if written:
        written.files.append(target)


def local_path(name: str) -> str | None:
    """The path of a local file; None for a remote URL."""
    if "://" not in name:
        return name
    parts = urlsplit(name)
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None


def identity(path: str) -> str:
    """A string that is the same for every spelling of a path: links and ``..`` are resolved, URLs normalised."""
    local = local_path(path)
    if local is not None:
        return os.path.realpath(local)
    parts = urlsplit(path)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{posixpath.normpath('/' + parts.path.lstrip('/'))}?{parts.query}"


def refuse_repeated(files: Mapping[str, Iterable[str]]) -> None:
    """Refuse a file that is listed twice, in any spelling: its events would be counted twice.

    Parameters
    ----------
    files : mapping of str to iterable of str
        Paths or URLs by dataset.

    Raises
    ------
    RecipeError
        If a file is listed twice in a dataset, or in two datasets.
    """
    found: dict[str, tuple[str, str]] = {}
    for dataset, listed in files.items():
        for file in listed:
            same = identity(file)
            if same in found:
                other, before = found[same]
                where = f"dataset {dataset!r} lists" if other == dataset else f"datasets {other!r} and {dataset!r} list"
                also = "" if file == before else f", also as {file}"
                raise RecipeError(f"{where} the file {before} twice{also}: its events would be counted twice")
            found[same] = (dataset, file)


@contextmanager
def removed_if_empty(folder: Path | None, besides: str = "") -> Iterator[None]:
    """Remove a folder if what should write to it fails before anything is written, besides files of this pattern."""
    try:
        yield
    except BaseException:
        if folder is not None:
            with suppress(OSError):  # it is not empty, or not there
                found = list(folder.iterdir())
                if besides and all(path.match(besides) for path in found):
                    for path in found:
                        path.unlink()
                folder.rmdir()
        raise


def prepare_folder(folder: str | os.PathLike[str]) -> None:
    """Check that files can be written to a folder, before a long computation.

    Raises
    ------
    OutputError
        If the folder cannot be created or written to.
    """
    with atomic(Path(folder) / ".writable") as probe:
        probe.touch()
    (Path(folder) / ".writable").unlink()
