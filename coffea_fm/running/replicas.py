"""Which copy of a file is read, and whether reading is tried again: the replicas in turn, then all after a wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any, Final

from coffea.processor.executor import WorkItem

from coffea_fm.errors import CoffeaFMError
from coffea_fm.files import local_path
from coffea_fm.remote import forget_connections, set_timeouts
from coffea_fm.retries import ATTEMPTS, wait
from coffea_fm.running.failures import MissingFileError, NetworkError, RefusedError, SetupError, UnreadableFileError
from coffea_fm.timing import count_retry

REPLICAS: Final = "replicas"
"""Key of a chunk's metadata: all places of its file, in the order in which they are tried."""
_DAMAGED_ATTEMPTS = 3
"""Damage may come from the storage, and then not stay."""


def attempted(
    function: Callable[[Any], Any], item: Any, tell: Callable[[Exception, Any], CoffeaFMError]
) -> dict[str, Any]:
    """Call a function of a file or a chunk, as often as its errors suggest, on each replica of the file.

    Parameters
    ----------
    function : callable
        What coffea's Runner, or the reader of headers, does with an item.
    item : File or WorkItem, or tuple
        On dask, a pair with the pickled processor.
    tell : callable
        Turns an exception, and the file or chunk where it was raised, into one of coffea-fm.

    Returns
    -------
    dict
        The output, under the first place of the file wherever it was read.

    Raises
    ------
    CoffeaFMError
        The error of the last attempt.
    """
    listed, *processor = item if isinstance(item, tuple) else (item,)
    places = (listed.usermeta or {}).get(REPLICAS) if isinstance(listed, WorkItem) else listed.replicas
    places = places or (listed.filename,)
    if any(local_path(place) is None for place in places):
        set_timeouts()
    for attempt in count():
        used = replace(listed, filename=places[attempt % len(places)])
        try:
            return _as_listed(function((used, *processor) if processor else used), listed)
        except Exception as error:  # noqa: BLE001
            told = tell(error, used)
        if not _again(told, *divmod(attempt + 1, len(places))):
            raise told
        count_retry()
        forget_connections(used.filename)
    raise AssertionError


def _as_listed(output: Any, listed: Any) -> dict[str, Any]:
    if "processed" in output:
        return {**output, "processed": {listed}}
    if "found" in output:
        return {**output, "found": {listed: next(iter(output["found"].values()))}}
    return dict(output)


def _again(told: CoffeaFMError, rounds: int, places: int) -> bool:
    """Whether to try again, after `rounds` of all replicas and some `places` of the next; waits before it returns.

    A network error is tried `ATTEMPTS` times on each replica, a damaged file less often, what a server refuses once.
    """
    if not isinstance(told, NetworkError | UnreadableFileError | SetupError):
        return False
    if places:
        return True
    if isinstance(told, RefusedError | SetupError | MissingFileError) or rounds >= ATTEMPTS:
        return False
    if isinstance(told, UnreadableFileError):
        return rounds < _DAMAGED_ATTEMPTS
    wait(rounds - 1)
    return True
