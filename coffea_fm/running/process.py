"""What is done with one chunk: the processor's ``process``, and its output made fit to leave the file."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import awkward as ak
import cloudpickle  # type: ignore[import-untyped]
from coffea.processor import ProcessorABC, column_accumulator

from coffea_fm.running.friends import Friends
from coffea_fm.running.merging import Merging
from coffea_fm.running.replicas import REPLICAS
from coffea_fm.running.throughput.measuring import times_reading
from coffea_fm.timing import FILLING, LOADING, stage


@dataclass(frozen=True)
class Process:
    """For `coffea.processor.Runner`: process a chunk, and let the outputs of chunks be added by `Merging`.

    Parameters
    ----------
    processor : ProcessorABC
    friends : Friends, optional
        What is written beside the events.
    """

    processor: ProcessorABC
    friends: Friends | None = None

    def __getstate__(self) -> bytes:
        return bytes(cloudpickle.dumps((self.processor, self.friends)))

    def __setstate__(self, state: bytes) -> None:
        with stage(LOADING):  # on a new worker, this imports what the processor needs
            processor, friends = cloudpickle.loads(state)
        object.__setattr__(self, "processor", processor)
        object.__setattr__(self, "friends", friends)

    def __call__(self, events: Any) -> Merging | None:
        """The output of a chunk; what it has not yet read of the file is read now, before the file is closed."""
        if REPLICAS in events.metadata:  # what is written is named by the place that the fileset gives first
            events.metadata["filename"] = events.metadata[REPLICAS][0]
        with stage(FILLING):
            times_reading(events)
            if self.friends is not None and len(events):
                self.friends.write_part(events)  # first: a processor may replace collections by selections of them
            output = self.processor.process(events)
            _read(output)
        return None if output is None else Merging(output)


def _read(output: Any) -> None:
    if isinstance(output, column_accumulator):
        output = output.value
    if isinstance(output, ak.Array):
        ak.materialize(output)  # also fills the array that was given
    elif isinstance(output, Mapping):
        for value in output.values():
            _read(value)
    elif isinstance(output, list | tuple | AbstractSet):
        for value in output:
            _read(value)
