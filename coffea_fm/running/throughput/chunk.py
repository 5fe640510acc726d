"""What a worker measured of one chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chunk:
    """A chunk, or the header of a file, as the worker measured it.

    Parameters
    ----------
    dataset, file : str
    start, stop : int
        Its entries, the last excluded.
    state : str
        ``"begun"`` or ``"done"``; ``"kept"`` if it was taken from a checkpoint; ``"failed"`` if it cannot be
        read; ``"lost"`` if it cannot be done for now.
    began : float
        Seconds since 1970, by the clock of the worker.
    stages : mapping of str to float
        Seconds of each stage; see `coffea_fm.timing.STAGES`.
    retries : int
        How often reading was tried again.
    nbytes : int
        Bytes requested from the file.
    worker : str
        Name of the worker process.
    thread : int
        The thread of the worker.
    """

    dataset: str
    file: str
    start: int
    stop: int
    state: str = "done"
    began: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    retries: int = 0
    nbytes: int = 0
    worker: str = ""
    thread: int = 0

    @property
    def key(self) -> tuple[str, str, int, int]:
        """Which chunk it is."""
        return self.dataset, self.file, self.start, self.stop

    @property
    def events(self) -> int:
        """Number of entries."""
        return self.stop - self.start

    @property
    def seconds(self) -> float:
        """Time of all stages."""
        return sum(self.stages.values())

    @property
    def name(self) -> str:
        """The file and the entries."""
        return f"{self.file}, entries {self.start} to {self.stop}"

    def message(self) -> dict[str, Any]:
        """As plain values, which `Chunk` takes again."""
        return asdict(self)
