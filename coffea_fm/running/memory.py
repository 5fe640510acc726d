"""The memory that a worker needs, predicted from its models and the bytes that a chunk holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coffea_fm.errors import InputError
from coffea_fm.inference.pieces import PIECE
from coffea_fm.running.models import Model
from coffea_fm.running.workers import Workers

MIB = 2**20
LIBRARIES = 270 * MIB
"""A dask worker with coffea, awkward and onnxruntime, before its first chunk."""
SESSION = 45 * MIB
"""The sessions of a model with what they need for a batch of jets, beside its weights."""
COPIES = 2.6
"""Bytes in memory for each byte that is read from a file: what was decompressed, and arrays made from it."""
COMFORTABLE = 0.7
"""Part of what the libraries and models leave that a chosen chunk may fill: dask pauses a worker at 80% of its limit."""


@dataclass(frozen=True)
class Need:
    """What one worker process needs.

    Parameters
    ----------
    fixed : int
        Bytes for libraries and models.
    per_event : float
        Bytes that are read of each event.
    threads : int
        Number of chunks at a time.
    """

    fixed: int
    per_event: float
    threads: int

    def of(self, events: int) -> int:
        """Bytes for chunks of so many events."""
        packed = min(events, PIECE) * self.per_event
        return self.fixed + round(self.threads * (events * COPIES * self.per_event + packed))

    def comfortable(self, limit: int) -> float:
        """Bytes that a worker with this limit may fill."""
        return self.fixed + COMFORTABLE * (limit - self.fixed)

    def most_events(self, size: float) -> int:
        """The largest chunks that need no more than so many bytes; 0 if nothing fits."""
        left = (size - self.fixed) / (self.threads * max(self.per_event, 1e-3))
        return max(0, int(min(left / (COPIES + 1), PIECE) if left < PIECE * (COPIES + 1) else (left - PIECE) / COPIES))


def need_of(models: Sequence[Model], per_event: float, threads: int) -> Need:
    """What a worker needs with these models. Each weight is there three times: read, optimised, and prepacked."""
    return Need(LIBRARIES + sum(SESSION + 3 * model.size for model in models), per_event, threads)


def check_models(need: Need, workers: Workers) -> None:
    """Refuse workers that have no room for a chunk at all.

    Raises
    ------
    InputError
        If libraries and models alone need more than the limit.
    """
    if need.fixed >= workers.limit.size:
        raise InputError(
            f"a worker needs about {_gib(need.fixed)} for the libraries and models alone, and may use {workers.limit}: give "
            "it more memory"
        )


def check_chunks(need: Need, events: int, workers: Workers) -> None:
    """Refuse chunks that do not fit into a worker.

    Parameters
    ----------
    need : Need
        With the bytes of the columns that are read for certain.
    events : int
        Of the largest chunk.
    workers : Workers

    Raises
    ------
    InputError
        If they need more than the limit. The message says which chunks would fit.
    """
    limit = workers.limit
    if need.of(events) <= limit.size:
        return
    fitting = two_digits(need.most_events(need.comfortable(limit.size)))
    at_a_time = "" if need.threads == 1 else f", {need.threads} at a time,"
    smaller = f"use --chunksize {fitting}" if fitting else "no chunk fits: use fewer threads"
    raise InputError(
        f"chunks of {events:,} events{at_a_time} need about {_gib(need.of(events))} in a worker, which may use {limit}: "
        f"{smaller}, or give it more memory"
    )


def two_digits(number: float) -> int:
    """The largest number with two digits and zeros that is not larger."""
    digits: int = 10 ** max(len(str(int(number))) - 2, 0)
    return int(number) // digits * digits


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f} GiB"
