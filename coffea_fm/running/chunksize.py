"""How many events a chunk has: what is given, or as many as suit the files, the models and the workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from coffea.processor import ProcessorABC
from coffea.processor.executor import ExecutorBase

from coffea_fm.errors import InputError
from coffea_fm.files import atomic
from coffea_fm.running.chunks import AUTO, GIVEN, KEPT, ChunkSize
from coffea_fm.running.headers import Header
from coffea_fm.running.memory import Need, check_chunks, check_models, need_of, two_digits
from coffea_fm.running.models import Model, models_of, tagged_collections
from coffea_fm.running.reading import bytes_read
from coffea_fm.running.workers import Workers, workers_of

CHUNK_SECONDS = 0.2
"""Of a worker for each chunk, besides opening the file: unpickling, the scheduler, the result."""
BRANCH_SECONDS = 0.5e-3
"""For each branch of a file, each time it is opened."""
EVENT_SECONDS = 50e-6
"""For reading and filling, without taggers."""
OVERHEAD, MOST_OVERHEAD = 0.05, 0.2
"""Part of the time that chunks may cost; and at most, so that every worker has chunks."""
ROUNDS = 4
"""Number of chunks for each worker, so that none waits long for the last."""
LEAST, LARGEST = 100, 200_000
READ = 1 / 3
"""Part of the bytes of an event that a processor reads, if it does not say which taggers it runs on what."""


def chunk_size(
    given: int | Literal["auto"],
    processor: ProcessorABC,
    schema: Any,
    headers: Sequence[Header],
    executor: ExecutorBase,
    *,
    besides: object = None,
    folder: Path | None = None,
) -> ChunkSize:
    """The chunk size of a run, which fits into the memory of its workers.

    Parameters
    ----------
    given : int or "auto"
    processor : ProcessorABC
    schema : type
    headers : sequence of Header
        Of the files that are read.
    executor : ExecutorBase
    besides : object, optional
        What else holds taggers, such as friends.
    folder : Path, optional
        Where ``auto`` keeps what it chose, and finds it again, so that a resumed run has the same chunks even with
        other workers.

    Raises
    ------
    InputError
        If the chunks do not fit into the memory of a worker, as far as that is certain.
    """
    filled = [header for header in headers if header.entries]
    if not filled:
        return ChunkSize(1, "there are no events") if given == AUTO else ChunkSize(given, GIVEN)
    models, workers = models_of(processor, besides), workers_of(executor)
    kept = folder / KEPT.replace("*", _key(processor, schema, models)) if folder and given == AUTO else None
    chosen = _read(kept) if kept else None
    if given != AUTO:
        chosen = ChunkSize(given, GIVEN)
    largest = max(header.entries for header in filled)
    heaviest = max(filled, key=lambda header: header.size / header.entries)
    need, is_certain = need_of(models, heaviest.size / heaviest.entries, workers.threads), False
    check_models(need, workers)
    if need.of(min(chosen.events if chosen else LARGEST, largest)) > need.comfortable(workers.limit.size):
        read = bytes_read(heaviest, schema, tagged_collections(processor), executor)
        need = replace(need, per_event=need.per_event * READ if read is None else read)
        is_certain = read is not None
    if chosen is None:
        chosen = choose(filled, models, workers, need)
        if kept is not None:
            with atomic(kept) as path:
                path.write_text(json.dumps(asdict(chosen)) + "\n")
    if is_certain:
        check_chunks(need, min(chosen.events, largest), workers)
    return chosen


def choose(headers: Sequence[Header], models: Sequence[Model], workers: Workers, need: Need) -> ChunkSize:
    """The chunk size that costs little, keeps all workers busy, and fits; see `chunk_size`."""
    opening = CHUNK_SECONDS + BRANCH_SECONDS * sum(header.branches for header in headers) / len(headers)
    event = EVENT_SECONDS + sum(model.seconds for model in models)
    size = (1 / OVERHEAD - 1) * opening / event
    because = f"opening one takes about {opening:.1f} s, and an event {event * 1e3:.2g} ms"
    if size > LARGEST:
        size, because = LARGEST, "larger ones would save nothing"
    even = sum(header.entries for header in headers) / (ROUNDS * workers.slots)
    if workers.slots > 1 and even < size:
        size = min(size, max(even, (1 / MOST_OVERHEAD - 1) * opening / event))
        because = f"{workers.slots} run at a time, and the last shall not wait for one"
    fitting = max(LEAST, need.most_events(need.comfortable(workers.limit.size)))
    if fitting < size:
        size, because = fitting, f"a worker has {workers.limit}"
    return ChunkSize(two_digits(size), because)


def _read(kept: Path) -> ChunkSize | None:
    """What an earlier run chose."""
    if not kept.exists():
        return None
    try:
        content = json.loads(kept.read_text())
        return ChunkSize(max(1, int(content["events"])), f"as before, by {kept}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{kept} is damaged, and holds the chunk size of an earlier run: give it as --chunksize"
        ) from error


def _key(processor: ProcessorABC, schema: Any, models: Sequence[Model]) -> str:
    about = [type(processor).__qualname__, schema.__qualname__, *(model.checksum for model in models)]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]
