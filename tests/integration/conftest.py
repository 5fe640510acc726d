from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a scheduler with two single-threaded worker processes, all started in a folder of their own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    options = ["--no-dashboard", "--scheduler-file", str(file)]
    with (folder / "log").open("w") as log:
        scheduler = subprocess.Popen(
            [*dask, "scheduler", "--port", "0", "--host", "127.0.0.1", *options], cwd=folder, stdout=log, stderr=log
        )
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        workers = subprocess.Popen(
            [*dask, "worker", "--nworkers", "2", "--nthreads", "1", *options], cwd=folder, stdout=log, stderr=log
        )
        try:
            yield json.loads(file.read_text())["address"]
        finally:
            for process in (workers, scheduler):
                process.terminate()
            for process in (workers, scheduler):
                process.wait(30)
