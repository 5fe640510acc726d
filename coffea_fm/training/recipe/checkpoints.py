"""The checkpoint that a recipe starts from, by its folder or by the name of a shipped model."""

from __future__ import annotations

import json
from pathlib import Path

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.nn.checkpoint import CONFIG
from coffea_fm.shipped import shipped

_MANIFEST = "manifest.json"


def checkpoint_folder(asked: Path) -> Path:
    """Where a checkpoint is.

    Parameters
    ----------
    asked : Path
        A folder such as ``runs/NAME/best``, or the name of a shipped model such as ``jet-classifier-small``.

    Raises
    ------
    RecipeError
        If it is a bundle, which cannot be trained on, or there is no such folder or model: names what there is.
    """
    if (asked / _MANIFEST).exists():
        name = _name_of_bundle(asked)
        instead = f"its checkpoint, by its name: {name}" if name in _names() else "the checkpoint it was exported from"
        raise RecipeError(f"start.checkpoint: {asked} is a bundle, which only runs; start from {instead}")
    if asked.exists() or len(asked.parts) != 1:
        return asked
    if str(asked) not in _names():
        raise RecipeError(
            f"start.checkpoint: there is no folder {asked} and no shipped model of that name; give a folder such as "
            f"runs/NAME/best, or one of {', '.join(_names()) or 'none'}"
        )
    return shipped("models", str(asked)) / "checkpoint"


def _names() -> list[str]:
    """Shipped models that come with a checkpoint."""
    try:
        return sorted(path.parent.parent.name for path in shipped("models").glob(f"*/checkpoint/{CONFIG}"))
    except InputError:
        return []


def _name_of_bundle(folder: Path) -> str:
    try:
        return str(json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return folder.name
