"""Read files out of a zip archive in memory. Nothing is unpacked to disk."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Any, Final

from coffea_fm.untrusted.refused import Refused

MOST_FILES: Final = 10_000
MOST_BYTES: Final = 4 * 2**30
"""Of all files of an archive, unpacked."""
_RATIO: Final = 1100
"""Deflate shrinks to 1/1032 at best; an archive that says more lies about its sizes."""
_HEADER: Final = 30
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1


class Archive:
    """A zip archive whose directory was checked.

    Parameters
    ----------
    source : path or file
    most_bytes : int
        Refuse an archive whose files are larger than this together.

    Raises
    ------
    Refused
        If it is damaged; has absolute names, names with ``..``, two files of one name, links or devices; is encrypted
        or compressed in an unusual way; or its files overlap, or would be too many or too large when unpacked.
    OSError
        If it cannot be read.
    """

    def __init__(self, source: Any, most_bytes: int = MOST_BYTES) -> None:
        with _one_reason():
            self._zip = zipfile.ZipFile(source)
        files = self._zip.infolist()
        if len(files) > MOST_FILES:
            raise Refused(f"it has more than {MOST_FILES} files")
        if sum(file.file_size for file in files) > most_bytes:
            raise Refused(f"its files are larger than {most_bytes >> 20} MiB together")
        for file in files:
            _check_name(file)
            _check_kind(file)
        _check_places(files)
        self._files = {file.filename: file for file in files}
        if len(self._files) < len(files):
            raise Refused("it has two files of one name")

    @property
    def names(self) -> list[str]:
        """Names of its files and folders."""
        return list(self._files)

    def read(self, name: str, most_bytes: int = MOST_BYTES) -> bytes:
        """The content of a file.

        Raises
        ------
        KeyError
            If there is no such file.
        Refused
            If it is damaged, or larger than `most_bytes`.
        """
        file = self._files[name]
        if file.file_size > most_bytes:
            raise Refused(f"{name} is larger than {most_bytes >> 20} MiB")
        with _one_reason(), self._zip.open(file) as opened:
            return _read(opened, file.file_size)


def _read(opened: IO[bytes], size: int) -> bytes:
    data = opened.read(size + 1)
    if len(data) != size:
        raise zipfile.BadZipFile("another size than stated")
    return data


@contextmanager
def _one_reason() -> Iterator[None]:
    """The module zipfile raises almost anything for a damaged archive."""
    try:
        yield
    except (Refused, OSError):
        raise
    except Exception as error:
        raise Refused(f"it is a damaged zip file ({type(error).__name__}: {error})") from error


def _check_name(file: zipfile.ZipInfo) -> None:
    # zipfile cuts names at a zero byte: what others would read is the original
    path = PurePosixPath(file.filename)
    drive = len(file.filename) > 1 and file.filename[1] == ":"
    if path.is_absolute() or ".." in path.parts or "\\" in file.orig_filename or "\0" in file.orig_filename or drive:
        raise Refused(f"the file {file.orig_filename[:80]!r} in it would be outside its folder")


def _check_kind(file: zipfile.ZipInfo) -> None:
    mode = file.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        what = "a link" if stat.S_ISLNK(mode) else "a device or pipe"
        raise Refused(f"{file.filename[:80]!r} in it is {what}, which is not allowed")
    if file.flag_bits & _ENCRYPTED:
        raise Refused("it is encrypted: unpack it, and give the folder")
    if file.compress_type not in _METHODS:
        raise Refused(f"{file.filename[:80]!r} in it is compressed in an unusual way: pack it again with zip")
    if file.file_size > _RATIO * max(file.compress_size, 1):
        raise Refused(f"{file.filename[:80]!r} in it does not have the size that it states")


def _check_places(files: list[zipfile.ZipInfo]) -> None:
    """Refuse files that share bytes of the archive, as zip bombs do that are small and quick to write."""
    end = 0
    for file in sorted(files, key=lambda file: file.header_offset):
        if file.header_offset < end:
            raise Refused("files in it overlap")
        end = file.header_offset + _HEADER + len(file.filename.encode("utf-8", "replace")) + file.compress_size
