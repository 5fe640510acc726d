from __future__ import annotations

from dataclasses import replace

import pytest

from coffea_fm.running.progress.state import RunState, WorkerCount
from coffea_fm.running.throughput.chunk import Chunk


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def state(clock):
    made = RunState("Processing", "chunk", [100, 300], clock=lambda: clock[0])
    made.workers = WorkerCount(2, 2)
    return made


FIRST = Chunk("d", "a", 0, 100, began=1.0, stages={"reading": 1.0, "tagging": 3.0}, worker="1")


def test_chunks_and_events_are_counted(state, clock):
    state.add(replace(FIRST, state="begun", stages={}))
    clock[0] = 4.0
    state.add(FIRST)
    seen = state.snapshot()
    assert (seen.done, seen.total, seen.events, seen.total_events) == (1, 2, 100, 400)
    assert (seen.fraction, seen.rate, seen.workers) == (0.25, 25.0, 2)
    assert seen.shares == {"reading": 0.25, "tagging": 0.75}
    assert not state.complete


def test_a_chunk_that_is_done_twice_counts_once_and_is_retried(state):
    for _ in range(2):
        state.add(replace(FIRST, state="begun"))
        state.add(FIRST)
    assert (state.snapshot().events, state.snapshot().retried, state.repeated) == (100, 1, 1)


def test_failed_kept_and_retried_chunks(state, clock):
    clock[0] = 10.0
    state.add(replace(FIRST, state="kept", retries=1))
    state.add(Chunk("d", "b", 0, 300, state="failed", retries=2))
    seen = state.snapshot()
    assert (seen.failed, seen.retried, seen.events) == (1, 3, 400)
    assert seen.rate == 0  # nothing of it was done in this run
    assert state.complete


def test_files_have_no_events():
    clock = [0.0]
    state = RunState("Reading headers", "file", [0, 0], clock=lambda: clock[0])
    state.add(Chunk("d", "a", 0, 0))
    clock[0] = 2.0
    assert (state.snapshot().fraction, state.snapshot().rate, state.snapshot().shares) == (0.5, 0.5, {})
