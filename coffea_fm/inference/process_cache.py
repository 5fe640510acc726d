"""Bundles that this process has already read, so that unpickling a tagger for every chunk reads no file."""

from __future__ import annotations

import logging
import os
import socket
import threading
from pathlib import Path

from coffea_fm.bundle import Bundle, load_bundle
from coffea_fm.bundle.find import bundle_names
from coffea_fm.bundle.read import is_remote
from coffea_fm.errors import BundleError
from coffea_fm.inference.reuse.sharing import note

_LOG = logging.getLogger(__name__)
_lock = threading.Lock()
_bundles: dict[tuple[str, str], Bundle] = {}


def keep(bundle: Bundle) -> Bundle:
    """Cache a bundle by the checksums of its model and of its measurements."""
    _bundles[bundle.checksum, bundle.calibration.checksum] = bundle
    note(bundle)
    return bundle


def find(source: str, checksum: str, calibration: str, carried: Bundle | None = None) -> Bundle:
    """Return the bundle with this model: the one that a tagger carries, a cached one, or that of `source`.

    If a worker cannot see the path, a cached bundle with the same name and checksum is used.

    Parameters
    ----------
    source : str
        Absolute path or URL.
    checksum, calibration : str
        Of the model and of its measurements, as they were when the tagger was loaded.
    carried : Bundle, optional
        What a tagger brought with it.

    Raises
    ------
    BundleError
        If the file is not visible here, or its content has changed.
    """
    if (checksum, calibration) in _bundles:
        return carried or _bundles[checksum, calibration]
    if carried is not None:
        return keep(carried)
    if not is_remote(source) and not Path(source).exists() and Path(source).name not in bundle_names():
        raise BundleError(
            f"the worker {socket.gethostname()} cannot see the bundle {source}: put it where every worker can read it, "
            "or load it with coffea_fm.load(..., ship='bytes')"
        )
    _LOG.info("reading the bundle %s: it is not in the cache of this process", source)
    here = source if is_remote(source) or Path(source).exists() else Path(source).name
    with _lock:  # the threads of a worker ask for it at the same time
        if (checksum, calibration) not in _bundles:
            keep(load_bundle(here, checksum=checksum, calibration=calibration))
        return _bundles[checksum, calibration]


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - a lock held by another thread at the fork would never be released in the child
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
