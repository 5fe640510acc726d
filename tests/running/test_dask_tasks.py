"""Chunks on dask workers that die, and on schedulers that forget: each counts once, or is named."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import distributed
import pytest
from coffea.processor.accumulator import accumulate
from coffea.processor.executor import WorkItem
from warm_workers import warm_workers

from coffea_fm.errors import InputError
from coffea_fm.running.dask_tasks import FEWEST, MOST, DaskTasks, _why_killed
from coffea_fm.running.headers import File
from coffea_fm.running.process_pool import ProcessPool
from coffea_fm.running.tasks import Task, Told

CHUNKS = 12


@pytest.fixture(scope="module", autouse=True)
def warm() -> Iterator[None]:
    with warm_workers():
        yield


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers; dask gives a task up at the first death."""
    settings = {"distributed.scheduler.allowed-failures": 0, "distributed.worker.memory.terminate": False}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def tasks() -> list[Task]:
    return [Task(WorkItem("d", "f.root", "Events", number, number + 1, b"")) for number in range(CHUNKS)]


class Deadly:
    """A chunk's work; some chunks kill their worker, once or always, or fail."""

    def __init__(self, folder: Path, once: tuple[int, ...] = (), always: int = -1, wrong: int = -1, wait: float = 0):
        self.folder, self.once, self.always, self.wrong, self.wait = folder, once, always, wrong, wait

    def __call__(self, item: Any) -> dict[str, Any]:
        number = (item[0] if isinstance(item, tuple) else item).entrystart
        mark = self.folder / str(number)
        first = not mark.exists()
        with mark.open("a") as log:
            log.write("x")
        time.sleep(self.wait)
        if number == self.always or (number in self.once and first):
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.wrong:
            raise InputError("the processor is wrong")
        return {"events": {number: 1}}


def added(results: Any) -> dict[str, Any]:
    return dict(accumulate(results))


def test_chunks_of_dead_workers_are_done_again(client: Any, tmp_path: Path) -> None:
    told = Told(Deadly(tmp_path, once=(0, 5, 11)), skip_unreadable=False)
    total = added(DaskTasks(client, told, b"processor").results(tasks()))
    assert total == {"events": dict.fromkeys(range(CHUNKS), 1)}


def test_a_chunk_that_kills_every_worker_is_given_up_and_no_other(client: Any, tmp_path: Path) -> None:
    told = Told(Deadly(tmp_path, always=3), skip_unreadable=False)
    total = added(DaskTasks(client, told, None).results(tasks()))
    assert total["events"] == dict.fromkeys(set(range(CHUNKS)) - {3}, 1)
    ((item, why),) = total["given up"].items()
    assert item.entrystart == 3
    assert why.startswith("f.root, entries 3 to 4: dask workers died repeatedly on it, most likely out of memory")
    assert FEWEST <= len((tmp_path / "3").read_text()) <= MOST // 2, "others are blamed for a while, too"


def test_an_error_of_the_processor_ends_it(client: Any, tmp_path: Path) -> None:
    told = Told(Deadly(tmp_path, wrong=4), skip_unreadable=False)
    with pytest.raises(InputError, match=r"the processor is wrong \[f.root, entries 4 to 5\]"):
        added(DaskTasks(client, told, None).results(tasks()))


def test_chunks_that_the_scheduler_forgets_are_submitted_again(client: Any, tmp_path: Path) -> None:
    running = DaskTasks(client, Told(Deadly(tmp_path, wait=0.1), skip_unreadable=False), b"processor")
    results = running.results(tasks())
    first = next(results)
    client.cancel([*running._chunks, *running._merges], force=True)  # as a restart of the scheduler does
    assert added([first, *results]) == {"events": dict.fromkeys(range(CHUNKS), 1)}


def test_chunks_of_dead_processes_are_done_again(tmp_path: Path) -> None:
    told = Told(Deadly(tmp_path, once=(0, 7), always=9), skip_unreadable=False)
    total = dict(accumulate(ProcessPool(2).results(told, tasks())))
    assert total["events"] == dict.fromkeys(set(range(CHUNKS)) - {9}, 1)
    assert [item.entrystart for item in total["given up"]] == [9]
    assert "its worker process was killed, most likely out of memory" in next(iter(total["given up"].values()))


def killed(_: Task) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_smaller_chunk_size_is_no_advice_for_a_header() -> None:
    header, (chunk, *_) = Task(File("d", "f.root", "Events")), tasks()
    assert "smaller --chunksize" in _why_killed(chunk)
    assert _why_killed(header).endswith("most likely out of memory: give the workers more memory")
    with pytest.raises(InputError, match=r"f.root: its worker process was killed, .*: use fewer --workers$"):
        list(ProcessPool(1).results(killed, [header]))
