"""Read the files of a bundle from a folder, a zip of it, or an fsspec URL of either."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec

from coffea_fm.errors import BundleError
from coffea_fm.remote import Cause, cause_of, may_pass, set_timeouts
from coffea_fm.retries import tried
from coffea_fm.untrusted.archives import Archive
from coffea_fm.untrusted.local_files import check_file, check_inside
from coffea_fm.untrusted.refused import Refused

MANIFEST = "manifest.json"
MOST_BYTES: Final = 2**31
"""Of one file; an ONNX file cannot be larger."""
Read = Callable[[str], bytes]


def is_remote(source: str) -> bool:
    """Whether a source is an fsspec URL."""
    return "://" in source or "::" in source


def reader(source: str) -> Read:
    """Return a function that reads a file of the bundle, by name, as bytes.

    Parameters
    ----------
    source : str
        Absolute path or fsspec URL of a folder or of a ``.zip``.

    Raises
    ------
    BundleError
        If `source` does not exist or cannot be read. The returned function raises it for a file that is missing, too
        large, or a link out of the bundle.
    """
    try:
        if is_remote(source):
            set_timeouts()
            files, path = fsspec.core.url_to_fs(source, skip_instance_cache=True)  # knows nothing of replaced files
        else:
            files, path = fsspec.core.url_to_fs(source)
        if path.endswith(".zip"):
            return _zip_reader(source, _whole(files, path))
        if not is_remote(source) and not files.isdir(path):
            what = "is not a folder or a .zip" if files.exists(path) else "does not exist"
            raise BundleError(f"cannot load the bundle {source}: it {what}; give the folder that holds {MANIFEST}")
    except BundleError:
        raise
    except FileNotFoundError as error:
        raise BundleError(f"cannot load the bundle {source}: it does not exist; check the path") from error
    except Exception as error:
        raise BundleError(f"cannot load the bundle {source}: {_reason(error, source)}") from error

    def read(name: str) -> bytes:
        try:
            if not is_remote(source):
                _check_local(source, Path(path), name)
            return _whole(files, f"{path.rstrip('/')}/{name}")
        except FileNotFoundError as error:
            raise _absent(source, name) from error
        except BundleError:
            raise
        except Exception as error:
            if cause_of(error) is Cause.MISSING:
                raise _absent(source, name) from error
            raise BundleError(f"cannot read {name} of the bundle {source}: {_reason(error, source)}") from error

    return read


def _whole(files: Any, path: str) -> bytes:
    def attempt() -> bytes:
        try:
            return bytes(files.cat_file(path, start=None, end=None))  # fsspec-xrootd wants all three
        finally:
            with suppress(Exception):
                files.invalidate_cache(path)  # XRootD: closes the file, which may be replaced, or its connection broken

    return tried(attempt, may_pass)


def _zip_reader(source: str, data: bytes) -> Read:
    try:
        archive = Archive(io.BytesIO(data))
    except Refused as error:
        raise BundleError(f"cannot read the bundle {source}: {error}; copy or download it again") from error
    manifests = [PurePosixPath(name) for name in archive.names if PurePosixPath(name).name == MANIFEST]
    folder = min(manifests, key=lambda path: len(path.parts)).parent if manifests else PurePosixPath()

    def read(name: str) -> bytes:
        try:
            return archive.read(str(folder / name), MOST_BYTES)
        except KeyError as error:
            raise _absent(source, name) from error
        except Refused as error:
            raise BundleError(f"cannot read {name} in {source}: {error}; copy or download it again") from error

    return read


def _check_local(source: str, folder: Path, name: str) -> None:
    try:
        check_inside(folder / name, folder)
        check_file(folder / name, MOST_BYTES)
    except Refused as error:
        raise BundleError(f"{name} of the bundle {source} is refused: {error}") from error


def _absent(source: str, name: str) -> BundleError:
    if name == MANIFEST:
        return BundleError(
            f"{source} is not a bundle: it has no {MANIFEST}; give the folder that coffea-fm export wrote"
        )
    return BundleError(f"{name} is missing from the bundle {source}; copy the bundle again, or export it again")


def _reason(error: Exception, source: str) -> str:
    """What happened, and what to do about it."""
    happened = f"{type(error).__name__}: {error}".rstrip(". ").splitlines()[0]
    match cause_of(error):
        case Cause.PLUGIN if source.startswith("hf:"):
            return "huggingface_hub is not installed: pip install 'coffea-fm[hub]'"
        case Cause.PLUGIN:
            return happened  # fsspec's own message names the package
        case Cause.DENIED:
            return f"{happened}; this account has no permission: {Cause.DENIED.value}"
        case Cause.NETWORK:
            return f"{happened}; the problem is the server or the network: {Cause.NETWORK.value}"
        case _:
            return f"{happened}; check the address"
