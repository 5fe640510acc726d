from __future__ import annotations

import pytest

from coffea_fm import timing
from coffea_fm.timing import count_retry, stage, stopwatch


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing, "perf_counter", lambda: now[0])

    def pass_time(seconds):
        now[0] += seconds

    return pass_time


def test_nested_stages_do_not_count_the_same_time_twice(clock):
    with stopwatch("opening") as watch:
        clock(1)
        with stage("filling"):
            clock(2)
            with stage("tagging"):
                clock(4)
                with stage("reading"):
                    clock(8)
                clock(16)
            clock(32)
        clock(64)
    assert watch.seconds == {"opening": 65, "filling": 34, "tagging": 20, "reading": 8}


def test_a_stage_ends_with_an_error(clock):
    with stopwatch("filling") as watch:
        with pytest.raises(ZeroDivisionError), stage("reading"):
            clock(1 / 0)
        clock(2)
    assert watch.seconds == {"reading": 0, "filling": 2}


def test_a_stopwatch_inside_of_another_counts_for_both(clock):
    with stopwatch("opening") as outer:
        clock(1)
        with stopwatch("filling") as inner:
            clock(2)
            count_retry()
            with stage("reading"):
                clock(4)
        clock(8)
    assert inner.seconds == {"filling": 2, "reading": 4}
    assert outer.seconds == {"opening": 9, "filling": 2, "reading": 4}
    assert (inner.retries, outer.retries) == (1, 1)


def test_without_a_stopwatch_nothing_is_measured():
    with stage("reading"):
        count_retry()
    with stopwatch("filling") as watch:
        pass
    assert set(watch.seconds) == {"filling"}
    assert watch.retries == 0
