"""Files of remote bundles on this host, by the checksum of their content: shared by all its processes."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from coffea_fm.errors import InputError, RecipeError, warn
from coffea_fm.files import atomic

try:
    import fcntl
except ImportError:  # Windows: two processes may both download, and each writes a whole file
    fcntl = None  # type: ignore[assignment]

FOLDER: Final = "COFFEA_FM_CACHE"
LIMIT: Final = "COFFEA_FM_CACHE_GB"
DEFAULT_GB: Final = 10.0
_ABANDONED: Final = 3600.0
"""Age in seconds of a temporary file that nobody writes to any more."""

_in_use: dict[Path, int] = {}


@dataclass(frozen=True)
class Cache:
    """A folder of files whose names identify their content, which therefore never changes.

    Whoever reads or writes a file holds a shared lock on it until the process ends. The least recently used files
    without a lock are removed when the folder exceeds its limit. Nothing depends on the locks but the number of
    downloads: a file that is not there, or is damaged, is downloaded again.

    Parameters
    ----------
    folder : Path
    limit : int
        Size in bytes.
    """

    folder: Path
    limit: int

    @classmethod
    def of_user(cls) -> Cache:
        """The cache that the environment sets: ``COFFEA_FM_CACHE`` and ``COFFEA_FM_CACHE_GB``.

        Raises
        ------
        RecipeError
            If the limit is not a number.
        """
        text = os.environ.get(LIMIT, "")
        try:
            limit = float(text or DEFAULT_GB)
        except ValueError as error:
            raise RecipeError(f"{LIMIT}={text!r}: give the size of the cache of bundles in GB, such as 10") from error
        folder = os.environ.get(FOLDER)
        default = platformdirs.user_cache_path("coffea-fm") / "bundles"
        return cls(Path(folder).expanduser().absolute() if folder else default, int(limit * 1e9))

    def get(self, name: str) -> bytes | None:
        """Content of a file, unverified; None if it is not there."""
        path = self.folder / name
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        with suppress(OSError):  # somebody is about to remove it: what is open can still be read
            _share(descriptor)
        with suppress(OSError):  # a folder that only others may write
            os.utime(path)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read()
        _hold(path, descriptor)
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep a file, and remove others if there are too many. A folder that cannot be written is a warning only."""
        path = self.folder / name
        try:
            self._make_room(len(data))
            with atomic(path) as temporary:
                temporary.write_bytes(data)
            descriptor = os.open(path, os.O_RDONLY)
            _share(descriptor)
            _hold(path, descriptor)
        except (InputError, OSError) as error:
            warn(f"a bundle could not be cached: {error}; set {FOLDER} to a folder with enough space")

    @contextmanager
    def lock(self, source: str) -> Iterator[None]:
        """Let one process, and one thread, of this host download `source` at a time. The end of a process releases it."""
        path = self.folder / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.lock"
        descriptor = None
        with suppress(OSError):  # without a folder, or on a file system without locks, everybody downloads
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _make_room(self, size: int) -> None:
        files = []
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            with suppress(OSError):  # another process may have just removed it
                state = path.stat()
                if path.suffix == ".tmp" and time.time() - state.st_mtime > _ABANDONED:
                    path.unlink()
                elif path.suffix != ".lock":
                    files.append((state.st_mtime_ns, state.st_size, path))
        total = sum(length for _, length, _ in files) + size
        for _, length, path in sorted(files):
            if total <= self.limit:
                break
            if path.suffix != ".tmp" and _remove(path):
                total -= length


def _share(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _hold(path: Path, descriptor: int) -> None:
    """Keep a file open, and with it the lock, until the process ends."""
    before = _in_use.pop(path, None)
    _in_use[path] = descriptor
    if before is not None:
        os.close(before)


def _remove(path: Path) -> bool:
    """Remove a file unless a process uses it."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return True
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
