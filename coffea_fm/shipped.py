"""Find the shipped processors, recipes, bundles and sample files, in a wheel or a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from coffea_fm.errors import InputError
from coffea_fm.names import nearest

CLONE: Final = "run 'git clone https://github.com/coffea-fm/coffea-fm'"
Kind = Literal["processors", "models", "exports", "samples"]

_PACKAGE = Path(__file__).parent


def shipped(kind: Kind, name: str = "") -> Path:
    """Path of a file or folder shipped with coffea-fm.

    Parameters
    ----------
    kind : {"processors", "models", "exports", "samples"}
        One of the shipped folders.
    name : str
        A file or folder in it; by default the folder itself.

    Raises
    ------
    InputError
        If it is not part of this installation; the message lists what is.
    """
    for root in (_PACKAGE / "shipped", _PACKAGE.parent):
        folder = root / kind
        if folder.is_dir():
            path = folder / name
            if path.exists():
                return path
            present = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(("_", ".")))
            suffix = Path(name).suffix
            hint = nearest(name, [entry for entry in present if suffix in ("", Path(entry).suffix)], f"{folder} holds")
            more = f"; for everything that is not in the wheel, {CLONE}" if root != _PACKAGE.parent else ""
            raise InputError(f"there is no {name!r} among the shipped {kind}: {hint}{more}")
    raise InputError(f"this installation of coffea-fm has no {kind}: reinstall it, or run from a checkout")
