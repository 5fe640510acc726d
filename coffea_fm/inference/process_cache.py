"""Bundles that this process has read already: unpickling a tagger for every chunk reads no file."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

from coffea_fm.bundle import Bundle, load_bundle
from coffea_fm.bundle.find import bundle_names
from coffea_fm.bundle.read import is_remote
from coffea_fm.errors import BundleError

_LOG = logging.getLogger(__name__)
_bundles: dict[str, Bundle] = {}


def keep(bundle: Bundle) -> Bundle:
    """Remember a bundle by the checksum of its model, in place of one that was read before it was measured again."""
    _bundles[bundle.checksum] = bundle
    return bundle


def find(source: str, checksum: str) -> Bundle:
    """The bundle of that model, read from `source` if this process has not yet.

    Where a worker does not see the path, a bundle that it knows by the same name and with the same checksum will do.

    Raises
    ------
    BundleError
        If the file is not here, or has another content meanwhile.
    """
    if checksum in _bundles:
        return _bundles[checksum]
    if not is_remote(source) and not Path(source).exists() and Path(source).name not in bundle_names():
        raise BundleError(
            f"the worker {socket.gethostname()} does not see the bundle {source}: put it where every worker can read it, "
            "or load it with coffea_fm.load(..., ship='bytes')"
        )
    _LOG.info("reading the bundle %s: it is not in the cache of this process", source)
    here = source if is_remote(source) or Path(source).exists() else Path(source).name
    return keep(load_bundle(here, checksum=checksum))
