"""What a run came to: the output of the processor, and the account of what was read and written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from coffea_fm.errors import InputError
from coffea_fm.names import counted
from coffea_fm.running.chunks import ChunkSize
from coffea_fm.running.missing import MissingEntries, in_words
from coffea_fm.running.processed_files import ProcessedFile, to_fileset
from coffea_fm.running.throughput.account import Throughput

_EACH = 3
"""Files of a kind that are named one by one."""


class IncompleteRunError(InputError):
    """Some events could not be processed; what there is of the others was written, and is in ``result``.

    Parameters
    ----------
    sentence : str
        What is missing, and what to do.
    result : RunResult
        Of the events that were processed.
    """

    def __init__(self, sentence: str, result: RunResult) -> None:
        super().__init__(sentence)
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return IncompleteRunError, (str(self), self.result)


@dataclass(frozen=True)
class RunResult:
    """What a processor returned over a whole fileset, and the account of what was read and written.

    Parameters
    ----------
    output : object
        What the processor returned for all chunks, added up, and what its ``postprocess`` made of it.
    events : dict of str to int
        Processed events by dataset.
    seconds : float
        Wall time, with the reading of the file headers.
    files : int
        Files that were read completely.
    chunks : int
        Processed chunks.
    chunksize : ChunkSize, optional
        How many events a chunk has, and why.
    skipped : dict of str to str
        Why a file, or a range of its entries, was left out.
    events_skipped : int
        Events of skipped ranges; files whose header cannot be read are not among them.
    empty_files : list of str
        Files without events.
    columns : list of str
        Branches that were read.
    notes : list of str
        What else was left out, such as entries outside of the steps of a fileset.
    processed : list of ProcessedFile
        Files whose headers were read, and the chunks of each that were processed.
    missing : list of MissingEntries
        Entries that could not be processed; ``output`` does not include them.
    throughput : Throughput
        How fast chunks were processed, and where the time of the workers went.
    processor : dict
        Name of its class; ``source`` and ``options`` if it was found by name.
    folder : Path, optional
        Where the outputs are.
    written : dict
        Paths of what was written, by kind.
    not_written : dict of str to str
        Why something that the processor returned is in none of these files, or not in all of them.
    failures : dict of str to str
        What went wrong after the last chunk, by step: chunks that do not add up, ``postprocess``, a file.
    """

    output: Any
    events: dict[str, int]
    seconds: float
    files: int
    chunks: int
    chunksize: ChunkSize | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    events_skipped: int = 0
    empty_files: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    processed: list[ProcessedFile] = field(default_factory=list)
    missing: list[MissingEntries] = field(default_factory=list)
    throughput: Throughput = field(default_factory=Throughput)
    processor: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    written: dict[str, Any] = field(default_factory=dict)
    not_written: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def n_events(self) -> int:
        """Processed events of all datasets."""
        return sum(self.events.values())

    def summary(self) -> dict[str, Any]:
        """The account of the run as plain numbers and texts, as in ``summary.json``."""
        return {
            "events": self.n_events,
            "events_by_dataset": self.events,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.n_events / max(self.seconds, 1e-9), 1),
            "files": self.files,
            "chunks": self.chunks,
            "chunksize": asdict(self.chunksize) if self.chunksize else None,
            "missing": [asdict(part) for part in self.missing],
            "events_missing": sum(part.events for part in self.missing),
            "empty_files": self.empty_files,
            "skipped": self.skipped,
            "events_skipped": self.events_skipped,
            "columns": self.columns,
            "notes": self.notes,
            "written": self.written,
            "not_written": self.not_written,
            "failures": self.failures,
            **({"throughput": self.throughput.summary()} if self.throughput.measured else {}),
            "processor": self.processor,
            "processed": to_fileset(self.processed),
        }

    def refuse_incomplete(self) -> RunResult:
        """The same, if no events are missing.

        Raises
        ------
        IncompleteRunError
            If some are: nobody shall take a part for the whole by accident.
        """
        if self.missing:
            raise IncompleteRunError(f"{in_words(self.missing, self.folder)}; the first: {self.missing[0]}", self)
        return self

    def __str__(self) -> str:
        """The account of the run in a few lines."""
        lines = [
            ", ".join((counted(self.n_events, "event"), counted(self.files, "file"), counted(self.chunks, "chunk"))),
            f"{self.seconds:.1f} s, {self.n_events / max(self.seconds, 1e-9):.0f} events/s",
            *([str(self.chunksize)] if self.chunksize and self.chunksize.is_chosen else []),
            *(f"skipped: {reason}" for reason in self.skipped.values()),
        ]
        lines += [f"missing: {part}" for part in self.missing]
        if self.events_skipped:
            lines.append(f"events skipped in damaged ranges: {self.events_skipped}")
        if self.empty_files:
            lines.append(f"files without events: {len(self.empty_files)}")
        lines += self.notes
        for kind, paths in self.written.items():
            lines += [f"wrote {text}" for text in _in_short(kind, [paths] if isinstance(paths, str) else paths)]
        lines += [f"not written: {reason}" for reason in self.not_written.values()]
        return "\n".join([*lines, *(f"failed: {reason}" for reason in self.failures.values())])

    def __repr__(self) -> str:
        """As `str`: a notebook shows the account, not the arrays."""
        return str(self)


def _in_short(kind: str, paths: Sequence[str]) -> Sequence[str]:
    """What was written: each file, or how many of them and where."""
    if kind != "plots" and len(paths) <= _EACH:
        return paths
    names = {Path(path).with_suffix("") for path in paths}
    what = "figures, as PNG and PDF," if kind == "plots" else kind
    return [f"{len(names)} {what} to {os.path.commonpath([name.parent for name in names])}"] if names else []
