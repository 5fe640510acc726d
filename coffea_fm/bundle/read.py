"""Read the files of a bundle from a folder, a zip of it, or an fsspec URL of either."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

import fsspec

from coffea_fm.errors import BundleError
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
        files, path = fsspec.core.url_to_fs(source)
        if is_remote(source):
            files.invalidate_cache()  # the files may have been replaced since they were last listed
        if path.endswith(".zip"):
            return _zip_reader(source, files.cat_file(path))
        if not is_remote(source) and not files.isdir(path):
            what = "is not a folder or a .zip" if files.exists(path) else "does not exist"
            raise BundleError(f"cannot load the bundle {source}: it {what}; give the folder that holds {MANIFEST}")
    except BundleError:
        raise
    except FileNotFoundError as error:
        raise BundleError(f"cannot load the bundle {source}: it does not exist; check the path") from error
    except ImportError as error:
        hub = "huggingface_hub is not installed: pip install 'coffea-fm[hub]'"
        reason = hub if source.startswith("hf:") else _sentence(error)  # fsspec's names the package
        raise BundleError(f"cannot load the bundle {source}: {reason}") from error
    except Exception as error:
        raise BundleError(f"cannot load the bundle {source}: {_sentence(error)}; check the address") from error

    def read(name: str) -> bytes:
        try:
            if not is_remote(source):
                _check_local(source, Path(path), name)
            return bytes(files.cat_file(f"{path.rstrip('/')}/{name}"))
        except FileNotFoundError as error:
            raise _absent(source, name) from error
        except BundleError:
            raise
        except Exception as error:
            raise BundleError(f"cannot read {name} of the bundle {source}: {_sentence(error)}; try again") from error

    return read


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


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(". ").splitlines()[0]
