from __future__ import annotations

import copy
import json
import pickle
import random
from itertools import pairwise

import pytest
from coffea.processor import accumulate

from coffea_fm.running.throughput.account import SLOWEST, Throughput
from coffea_fm.running.throughput.chunk import Chunk
from coffea_fm.running.throughput.timeline import Timeline


def chunks(count):
    return [
        Chunk(
            "d",
            f"file{number % 3}",
            number * 10,
            number * 10 + 10 + number,
            state=("done", "done", "done", "failed", "kept")[number % 5],
            began=1_000_000.0 + 7 * number,
            stages={"reading": 1.0 + number, "filling": 3.0},
            retries=number % 2,
            nbytes=100,
            worker=f"w{number % 2}",
        )
        for number in range(count)
    ]


def test_sums_do_not_depend_on_the_order():
    measured = [{"throughput": Throughput.of(chunk)} for chunk in chunks(60)]
    forward = accumulate(copy.deepcopy(measured))["throughput"]
    random.Random(0).shuffle(measured)
    halves = [accumulate(copy.deepcopy(part)) for part in (measured[:23], measured[23:])]
    assert accumulate(halves)["throughput"] == forward
    done = [chunk for chunk in chunks(60) if chunk.state == "done"]
    assert (forward.total.chunks, forward.failed.chunks, forward.kept.chunks) == (36, 12, 12)
    assert forward.total.events == sum(chunk.events for chunk in done)
    assert sum(part.seconds for part in forward.files.values()) == pytest.approx(forward.total.seconds)
    assert sum(part.events for part in forward.workers.values()) == forward.total.events
    assert sum(forward.timeline.events.values()) == forward.total.events
    assert [chunk.seconds for chunk in forward.slowest] == sorted((chunk.seconds for chunk in done), reverse=True)[
        :SLOWEST
    ]
    assert forward.retries == sum(chunk.retries for chunk in chunks(60) if chunk.state != "kept")


def test_addition_changes_neither_side():
    first, second = (Throughput.of(chunk) for chunk in chunks(2))
    before = copy.deepcopy((first, second))
    assert (first + second).total.chunks == 2
    assert (first, second) == before


def test_the_summary_is_plain_and_it_pickles():
    measured = Throughput.of(chunks(1)[0])
    summary = json.loads(json.dumps(measured.summary()))
    assert summary["share"] == {"reading": 0.25, "filling": 0.75}
    assert (summary["events"], summary["seconds"], summary["events_per_second"]) == (10, 4.0, 2.5)
    assert pickle.loads(pickle.dumps(measured)) == measured
    assert repr(measured) == "Throughput(10 events in 4.0 s of 1 worker: reading 25%, filling 75%)"


def test_a_long_run_has_as_few_bins():
    line = Timeline()
    for hour in range(100):
        line.fill(1_000_000.0 + 3600 * hour, 5)
    other = Timeline()
    other.fill(1_000_000.5, 7)
    other += line
    bins = other.bins()
    assert sum(events for _, events in bins) == 507
    assert len(bins) <= 400
    assert {second - first for (first, _), (second, _) in pairwise(bins)} == {other.width}
    assert Timeline().bins() == []
