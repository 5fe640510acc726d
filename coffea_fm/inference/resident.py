"""Bundles that this process has read already: unpickling a tagger for every chunk reads no file."""

from __future__ import annotations

import socket
from pathlib import Path

from coffea_fm.bundle.load import Bundle, load_bundle
from coffea_fm.bundle.read import is_remote
from coffea_fm.errors import BundleError

_bundles: dict[str, Bundle] = {}


def keep(bundle: Bundle) -> Bundle:
    """Remember a bundle by its content hash."""
    return _bundles.setdefault(bundle.checksum, bundle)


def find(source: str, checksum: str) -> Bundle:
    """The bundle of that content hash, read from `source` if this process has not yet.

    Raises
    ------
    BundleError
        If the file is not here, or has another content meanwhile.
    """
    if checksum in _bundles:
        return _bundles[checksum]
    if not is_remote(source) and not Path(source).exists():
        raise BundleError(
            f"the worker {socket.gethostname()} does not see the bundle {source}: put it where every worker can read it, "
            "or load it with coffea_fm.load(..., ship='bytes')"
        )
    return keep(load_bundle(source, checksum=checksum))
