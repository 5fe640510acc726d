from __future__ import annotations

import signal
import threading

import pytest

from coffea_fm.training.loop.interrupt import stop_requested


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_sets_the_event(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_requested() as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
    assert signal.getsignal(number) is before


def test_second_interrupt_acts_as_usual() -> None:
    with stop_requested():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_other_threads_are_left_alone() -> None:
    found: list[bool] = []

    def body() -> None:
        with stop_requested() as stop:
            found.append(stop.is_set())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert found == [False]
