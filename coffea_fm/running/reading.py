"""The bytes that a processor reads of each event: those of the branches that its taggers need."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uproot
from coffea.nanoevents import NanoEventsFactory
from coffea.processor.executor import ExecutorBase

from coffea_fm.errors import CoffeaFMError
from coffea_fm.inference.base import BaseTagger
from coffea_fm.running.headers import File, Header
from coffea_fm.running.opening import readable_branches

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Trace:
    """Runs on a worker: bytes per event of what taggers read of one file, nothing if they cannot say."""

    schema: Any
    tagged: tuple[tuple[str, tuple[BaseTagger, ...]], ...]
    entries: int

    def __call__(self, file: File) -> dict[str, Any]:
        where, options = {file.filename: file.treename}, readable_branches(self.schema)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # coffea's, for each branch that it cannot read
            made = NanoEventsFactory.from_root(where, schemaclass=self.schema, entry_stop=1, iteritems_options=options)
            events = made.events()
        branches = self._branches(events)
        with uproot.open(file.filename) as root:
            tree = root[file.treename]
            size = sum(int(tree[name].uncompressed_bytes) for name in branches if name in tree)
        return {"read": size / self.entries} if size else {}

    def _branches(self, events: Any) -> set[str]:
        branches: set[str] = set()
        for collection, taggers in self.tagged:
            for tagger in taggers if collection in events.fields else ():
                with suppress(Exception):  # the processor may prepare its jets before it tags them
                    branches |= set(tagger.columns(events[collection]))
        return branches


def bytes_read(
    header: Header, schema: Any, tagged: Mapping[str, Sequence[BaseTagger]], executor: ExecutorBase
) -> float | None:
    """Bytes per event that taggers read of a file, found on a worker without reading events; None if that fails.

    Each replica of the file is tried, as for its header.

    Parameters
    ----------
    header : Header
        Of a ROOT file with events.
    schema : type
        A NanoEvents schema.
    tagged : mapping of str to sequence of BaseTagger
        The taggers of each collection.
    executor : ExecutorBase
    """
    if not tagged:
        return None
    trace = _Trace(schema, tuple((name, tuple(taggers)) for name, taggers in tagged.items()), header.entries)
    reader = executor.copy(desc="Reading columns", unit="file", function_name="get_columns", compression=None)
    try:
        found, _ = reader([header.file], trace, None)
    except CoffeaFMError as error:  # a run whose chunks cannot be read says so itself
        _log.info("the memory of a chunk is not known: %s", error)
        return None
    read: float | None = (found or {}).get("read")
    return read
