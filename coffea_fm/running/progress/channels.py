"""How the reports of workers come to the client: through a folder of this machine, or through dask's scheduler."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from coffea_fm.running.progress.state import WorkerCount
from coffea_fm.running.throughput.chunk import Chunk
from coffea_fm.running.throughput.measuring import Report

_TOPIC = "coffea-fm"


class Channel(ABC):
    """The way from the workers to the client."""

    @abstractmethod
    def open(self, receive: Report) -> Any:
        """A context manager that gives what workers call with each `Chunk`; `receive` is called here with the same."""

    @abstractmethod
    def workers(self) -> WorkerCount:
        """Who works now."""

    def poll(self) -> None:  # noqa: B027 - most channels need not
        """Receive what has come, where it does not come by itself."""


class Here(Channel):
    """Work in this process."""

    @contextmanager
    def open(self, receive: Report) -> Iterator[Report]:
        """Call directly."""
        yield receive

    def workers(self) -> WorkerCount:
        """One process."""
        return WorkerCount()


class Processes(Channel):
    """Processes of this machine, each of which appends to a file of its own: nothing is lost if one is killed.

    Parameters
    ----------
    count : int
        Number of processes.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._read: dict[Path, int] = {}
        self._lock = Lock()

    @contextmanager
    def open(self, receive: Report) -> Iterator[Report]:
        """Make the folder."""
        self._receive = receive
        with tempfile.TemporaryDirectory(prefix="coffea-fm-", ignore_cleanup_errors=True) as folder:
            self._folder = Path(folder)
            yield _ToFile(folder)
            self.poll()

    def workers(self) -> WorkerCount:
        """As many as were started."""
        return WorkerCount(self._count, self._count)

    def poll(self) -> None:
        """Read the complete lines that were added."""
        with self._lock:  # otherwise two threads could receive the same line
            for path in self._folder.iterdir():
                with path.open("rb") as file:
                    file.seek(self._read.get(path, 0))
                    lines = file.read()
                complete = lines.rfind(b"\n") + 1
                self._read[path] = self._read.get(path, 0) + complete
                for line in lines[:complete].splitlines():
                    self._receive(Chunk(**json.loads(line)))


@dataclass(frozen=True)
class _ToFile:
    folder: str

    def __call__(self, chunk: Chunk) -> None:
        try:
            with Path(self.folder, f"{os.getpid()}").open("a") as file:
                file.write(json.dumps(chunk.message()) + "\n")
        except OSError:
            return  # a full disk shall not end a run for the sake of its progress


class Dask(Channel):
    """Workers of a dask cluster, which log events that the client hears of.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    @contextmanager
    def open(self, receive: Report) -> Iterator[Report]:
        """Subscribe to the topic; other runs on the same scheduler are told apart by a number."""
        run = uuid.uuid4().hex
        self._client.subscribe_topic(_TOPIC, partial(_receive, run, receive))
        try:
            yield _ToDask(run)
        finally:
            if self._client.status == "running":
                self._client.unsubscribe_topic(_TOPIC)

    def workers(self) -> WorkerCount:
        """Those that the scheduler knows."""
        threads = self._client.nthreads()
        return WorkerCount(len(threads), sum(threads.values()))


def _receive(run: str, receive: Report, event: tuple[float, dict[str, Any]]) -> None:
    message = dict(event[1])
    if message.pop("run", None) == run:
        receive(Chunk(**message))


@dataclass(frozen=True)
class _ToDask:
    run: str

    def __call__(self, chunk: Chunk) -> None:
        from distributed import get_worker

        get_worker().log_event(_TOPIC, {"run": self.run, **chunk.message()})
