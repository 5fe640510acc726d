"""Find bundles and checkpoints by name: shipped ones first, then those in the folders of ``COFFEA_FM_PATH``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from coffea_fm.bundle.read import MANIFEST, is_remote
from coffea_fm.errors import BundleError, InputError
from coffea_fm.names import close_name
from coffea_fm.shipped import CLONE, shipped

SEARCH_PATH: Final = "COFFEA_FM_PATH"
CHECKPOINT: Final = "config.json"
WEIGHTS: Final = "model.safetensors"


def find_bundle(source: str | os.PathLike[str]) -> str:
    """Find a bundle.

    Parameters
    ----------
    source : path-like
        A bare name such as ``"jet-classifier-small"``, the path of a folder or ``.zip``, or an fsspec URL of either. A
        bare name refers to a shipped bundle, then to one in a folder of ``COFFEA_FM_PATH``, then to a folder in the
        working directory: pass ``./NAME`` to skip the first two.

    Returns
    -------
    str
        Absolute path or URL.

    Raises
    ------
    BundleError
        If there is no such bundle. The message suggests the nearest name.
    """
    text = os.fspath(source)
    if is_remote(text):
        return text
    path = Path(text).expanduser()
    if not _is_bare(text):
        return str(path.absolute())
    known = bundle_names()
    if text in known:
        return str(known[text])
    if path.exists():
        return str(path.absolute())
    if shipped_checkpoint(text):
        raise BundleError(
            f"the bundle {text!r} is not in the wheel, to keep it small: {CLONE}, and give exports/{text}"
        )
    near = close_name(text, known)
    meant = f"; did you mean {near!r}?" if near else "."
    raise BundleError(
        f"there is no bundle {text!r}{meant} Bundles known by name: {', '.join(known) or 'none'}. Give the path of any "
        f"other bundle, or add the folder that holds it to {SEARCH_PATH}"
    )


def is_bundle(source: str | os.PathLike[str]) -> bool:
    """Whether something is a bundle, rather than data: a known name, a folder that holds one, or a ``.zip``."""
    text = os.fspath(source)
    if text.endswith(".zip"):
        return True
    if is_remote(text):
        return False
    return (Path(text).expanduser() / MANIFEST).is_file() or (_is_bare(text) and text in bundle_names())


def find_checkpoint(source: str | os.PathLike[str]) -> Path:
    """Find the checkpoint of a shipped model by its name. Any other path is returned unchanged.

    Raises
    ------
    InputError
        If `source` is a bundle, which cannot be trained: the message names the checkpoint to use instead. Also if the
        weights are not part of this installation: the message says where to get them.
    """
    path, name = Path(source), Path(source).name
    if _is_bare(os.fspath(source)) and (found := shipped_checkpoint(name)):
        if not (found / WEIGHTS).is_file():
            raise InputError(
                f"the weights of {name!r} are not in the wheel, to keep it small: {CLONE}, "
                f"and give the checkpoint as the path of its folder models/{name}/checkpoint"
            )
        return found
    if (path / MANIFEST).is_file():
        instead = f"start from its checkpoint, {name!r}" if shipped_checkpoint(name) else "give runs/NAME/best"
        raise InputError(f"{path} is a bundle, which cannot be trained: {instead}")
    return path


def bundle_names() -> dict[str, Path]:
    """Folders of all bundles known by name; shipped ones come first."""
    found: dict[str, Path] = {}
    for folder in _folders():
        for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (entry / MANIFEST).is_file():
                found.setdefault(entry.name, entry.absolute())
    return found


def _folders() -> Iterator[Path]:
    yield shipped("exports")
    for folder in os.environ.get(SEARCH_PATH, "").split(os.pathsep):
        if folder:
            yield Path(folder).expanduser()


def shipped_checkpoint(name: str) -> Path | None:
    """Folder of the checkpoint of a shipped model; None if it has none. The weights may only be in the repository."""
    checkpoint = shipped("models") / name / "checkpoint"
    return checkpoint if (checkpoint / CHECKPOINT).is_file() else None


def _is_bare(text: str) -> bool:
    return (
        bool(text) and os.sep not in text and "/" not in text and not text.endswith(".zip") and text not in (".", "..")
    )
