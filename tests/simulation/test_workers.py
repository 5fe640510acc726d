"""Ends that nobody planned: of the command, of the terminal, of a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import uproot

Command = subprocess.Popen[bytes]


def wait(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """A long production with two workers, of which one has written a file."""
    main = [sys.executable, "-c", "from coffea_fm.cli import main; main()", "simulate", "jets", str(tmp_path)]
    options = ["--jets-per-class", "4000", "--jets-per-file", "20", "--classes", "Wqq", "--workers", "2", "--seed", "1"]
    with subprocess.Popen([*main, *options], start_new_session=True, stderr=subprocess.PIPE) as process:
        wait(lambda: list(tmp_path.glob("*.root")))
        children = psutil.Process(process.pid).children()
        yield process
        process.kill()
        for child in children:
            if child.is_running():
                child.kill()


def workers(command: Command) -> list[psutil.Process]:
    children = psutil.Process(command.pid).children(recursive=True)
    found = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert len(found) == 2
    return found


def running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def check_files(folder: Path) -> None:
    """All that look like files of the sample are complete."""
    files = list(folder.glob("*.root"))
    assert files
    for path in files:
        with uproot.open(path) as file:
            assert file["Events"]["FatJet_label"].array().layout.content.length == 20


def test_workers_end_with_a_killed_parent(command: Command) -> None:
    left = workers(command)
    command.kill()
    command.wait()
    wait(lambda: not running(left), 20)


def test_termination_is_like_an_interrupt(command: Command, tmp_path: Path) -> None:
    left = workers(command)
    command.terminate()
    _, stderr = command.communicate(timeout=60)
    assert stderr.decode().splitlines()[-1] == "coffea-fm: stopped; files written so far are complete"
    assert b"Traceback" not in stderr
    assert command.returncode == 130
    assert not running(left)
    check_files(tmp_path)
    assert not list(tmp_path.glob("*.tmp"))


def test_termination_of_the_whole_group_is_too(command: Command) -> None:
    left = workers(command)
    os.killpg(command.pid, signal.SIGTERM)
    _, stderr = command.communicate(timeout=60)
    assert b"Traceback" not in stderr
    assert command.returncode == 130
    assert not running(left)


def test_a_killed_worker_is_one_sentence(command: Command, tmp_path: Path) -> None:
    left = workers(command)
    left[0].kill()
    _, stderr = command.communicate(timeout=60)
    assert command.returncode == 1
    assert b"Traceback" not in stderr
    sentence = stderr.decode().splitlines()[-1]
    assert sentence.startswith("coffea-fm: a worker process was killed")
    assert "run the same command again" in sentence
    assert not running(left)
    check_files(tmp_path)
