"""Bundles and checkpoints by name: those that are shipped, then those in the folders of ``COFFEA_FM_PATH``."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from coffea_fm.bundle.read import MANIFEST, is_remote
from coffea_fm.errors import BundleError, InputError
from coffea_fm.shipped import CLONE, shipped

SEARCH_PATH: Final = "COFFEA_FM_PATH"
CHECKPOINT: Final = "config.json"
WEIGHTS: Final = "model.safetensors"


def find_bundle(source: str | os.PathLike[str]) -> str:
    """Where a bundle is.

    Parameters
    ----------
    source : path-like
        A bare name such as ``"jet-classifier-small"``, a path of a folder or ``.zip``, or an fsspec URL of either. A
        bare name is a shipped bundle, or one in a folder of ``COFFEA_FM_PATH``, before it is a folder in the working
        directory: give ``./NAME`` for that.

    Returns
    -------
    str
        Absolute path or URL.

    Raises
    ------
    BundleError
        If there is no such bundle: names the nearest.
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
    nearest = difflib.get_close_matches(text, known, n=1, cutoff=0)
    meant = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise BundleError(
        f"there is no bundle {text!r}{meant} Known by name are {', '.join(known) or 'none'}; anything else goes by the "
        f"path of its folder, and {SEARCH_PATH} may list folders of bundles"
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
    """Where the checkpoint of a shipped model is, by its name; any other path is given back as it is.

    Raises
    ------
    InputError
        If `source` is a bundle, which cannot be trained on: names the checkpoint to take instead. If the weights did not
        come with this installation: says where they are.
    """
    path, name = Path(source), Path(source).name
    if _is_bare(os.fspath(source)) and (found := shipped_checkpoint(name)):
        if not (found / WEIGHTS).is_file():
            raise InputError(
                f"the weights of {name!r} do not travel in the wheel, to keep it small: {CLONE}, "
                f"and give the checkpoint as the path of its folder models/{name}/checkpoint"
            )
        return found
    if (path / MANIFEST).is_file():
        instead = f"start from {name!r}, its checkpoint" if shipped_checkpoint(name) else "give runs/NAME/best"
        raise InputError(f"{path} is a bundle, which holds no weights to train on: {instead}")
    return path


def bundle_names() -> dict[str, Path]:
    """Folders of all bundles that are known by name; shipped ones come first."""
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
    """Folder of the checkpoint of a shipped model; None if it has none. The weights may have stayed in the repository."""
    checkpoint = shipped("models") / name / "checkpoint"
    return checkpoint if (checkpoint / CHECKPOINT).is_file() else None


def _is_bare(text: str) -> bool:
    return (
        bool(text) and os.sep not in text and "/" not in text and not text.endswith(".zip") and text not in (".", "..")
    )
