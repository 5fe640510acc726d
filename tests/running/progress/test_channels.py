from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from coffea_fm.running.progress.channels import Here, Processes
from coffea_fm.running.progress.state import WorkerCount
from coffea_fm.running.throughput.chunk import Chunk

CHUNK = Chunk("data", "äb.root", 0, 10, stages={"reading": 0.5}, worker="host/1")


def test_reports_of_processes_come_once_even_if_two_threads_look():
    received = []
    channel = Processes(3)
    with channel.open(received.append) as report, ThreadPoolExecutor(4) as pool:
        for number in range(200):
            report(replace(CHUNK, start=number))
            pool.submit(channel.poll)
    assert sorted(chunk.start for chunk in received) == list(range(200))
    assert received[0] == CHUNK
    assert channel.workers() == WorkerCount(3, 3)


def test_a_line_that_is_still_being_written_waits():
    received = []
    channel = Processes(2)
    line = json.dumps(CHUNK.message()) + "\n"
    with channel.open(received.append):
        path = channel._folder / "4711"
        path.write_text(line + line[:20])
        channel.poll()
        assert received == [CHUNK]
        path.write_text(line + line)
        channel.poll()
    assert received == [CHUNK, CHUNK]


def test_a_worker_whose_disk_is_full_goes_on():
    channel = Processes(2)
    with channel.open([].append) as report:
        pass  # the folder is gone now
    report(CHUNK)


def test_in_this_process_reports_come_directly():
    received = []
    with Here().open(received.append) as report:
        report(CHUNK)
    assert received == [CHUNK]
