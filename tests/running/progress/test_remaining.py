from __future__ import annotations

import heapq
import random

import pytest

from coffea_fm.running.progress.remaining import Remaining
from coffea_fm.running.throughput.chunk import Chunk

OPENING, PER_EVENT, LOADING = 1.0, 0.001, 5.0


def run(sizes, slots, *, spread=0.0, gap=0.02):
    """A run on a simulated clock: (part of the events that are done, predicted end, now) at each end, and the true end."""
    rng = random.Random(1)
    remaining = Remaining(len(sizes), sum(sizes))
    waiting, running, told = list(enumerate(sizes))[::-1], [], []

    def begin(worker, now, loading):
        number, events = waiting.pop()
        scale = rng.lognormvariate(0, spread)
        stages = {"loading": loading, "opening": OPENING * scale, "filling": PER_EVENT * events * scale}
        place = {"dataset": "d", "file": str(number), "start": 0, "stop": events, "worker": str(worker)}
        remaining.begin(Chunk(**place, state="begun"), now)
        chunk = Chunk(**place, began=now, stages=stages)
        heapq.heappush(running, (now + chunk.seconds, worker, chunk))

    for worker in range(min(slots, len(sizes))):
        begin(worker, 0.0, LOADING)
    done = 0
    while running:
        now, worker, chunk = heapq.heappop(running)
        remaining.end(chunk)
        done += chunk.events
        told.append((done / sum(sizes), now + remaining.seconds(now, slots), now))
        if waiting:
            begin(worker, now + gap, 0.0)
    return told, now


def mixed(count):
    rng = random.Random(2)
    return [rng.choice((250, 1000, 4000, 8000)) for _ in range(count)]


@pytest.mark.parametrize("slots", [1, 2, 8, 64])
@pytest.mark.parametrize("spread", [0.0, 0.2])
@pytest.mark.parametrize("sizes", ["equal", "mixed", "growing", "shrinking"])
def test_the_end_is_known_within_a_fifth_after_a_tenth_of_the_events(slots, spread, sizes):
    count = max(20 * slots, 60)
    events = {
        "equal": [4000] * count,
        "mixed": mixed(count),
        "growing": sorted(mixed(count)),
        "shrinking": sorted(mixed(count))[::-1],
    }[sizes]
    told, end = run(events, slots, spread=spread)
    late = [(predicted, now) for part, predicted, now in told if part >= 0.1]
    assert len(late) > count / 4
    for predicted, _ in late:
        assert predicted == pytest.approx(end, rel=0.2)
    predicted, now = late[0]
    assert predicted - now == pytest.approx(end - now, rel=0.25)


def test_chunks_are_weighed_by_their_events():
    """A tenth of the chunks, which hold half of the events, is half of the run."""
    told, end = run([9000] * 10 + [1000] * 90, 1)
    _, predicted, now = told[9]
    assert now / end == pytest.approx(0.37, abs=0.02)  # opening costs as much as 1000 events
    assert predicted == pytest.approx(end, rel=0.2)


def test_nothing_is_told_before_the_first_chunk_or_without_workers():
    remaining = Remaining(10, 1000)
    assert remaining.seconds(100.0, 2) is None
    remaining.end(Chunk("d", "f", 0, 100, began=0.0, stages={"filling": 1.0}))
    assert remaining.seconds(100.0, 0) is None
    assert remaining.seconds(100.0, 1) == pytest.approx(9.0)


def test_chunks_from_checkpoints_and_failed_ones_cost_nothing():
    remaining = Remaining(4, 400)
    remaining.end(Chunk("d", "a", 0, 100, state="kept", stages={"opening": 0.001}))
    remaining.end(Chunk("d", "b", 0, 100, state="failed", stages={"opening": 60.0}))
    assert remaining.seconds(60.0, 1) is None
    remaining.end(Chunk("d", "c", 0, 100, began=60.0, worker="other", stages={"filling": 2.0}))
    assert remaining.seconds(62.0, 1) == pytest.approx(2.0)
