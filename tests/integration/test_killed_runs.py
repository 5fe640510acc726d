"""A run with checkpoints that is killed at random moments and started again gives what an undisturbed one gives."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
from made import make_bundle, make_nano

from coffea_fm.analysis.histogram_files import read_histograms

PROCESSOR = """
from pathlib import Path

import hist
import numpy as np
from coffea.processor import ProcessorABC

import coffea_fm


class Own(ProcessorABC):
    def __init__(self, folder, bundle):
        self.folder = Path(folder)
        self.taggers = {"FatJet": coffea_fm.load(bundle)}
        self.collector = coffea_fm.collector(Path(folder) / "shards")

    def process(self, events):
        about = events.metadata
        with (self.folder / ("log" + ".txt")).open("a") as log:
            print(about["dataset"], about["entrystart"], file=log)
        dataset = hist.axis.StrCategory([], growth=True, name="dataset")
        entries = hist.Hist(dataset, hist.axis.Integer(0, 100, name="entry"))
        entries.fill(dataset=about["dataset"], entry=np.arange(about["entrystart"], about["entrystop"]))
        return {"entries": entries, "cutflow": self.collector(events.FatJet, events=events)}

    def postprocess(self, accumulator): ...
"""


def start(folder: Path) -> subprocess.Popen[str]:
    options = [
        "-O",
        f"folder={folder}",
        "-O",
        f"bundle={folder / 'counting'}",
        "--friends",
        "scores",
        "--chunksize",
        "10",
    ]
    places = ["--checkpoints", str(folder / "kept"), "-o", str(folder / "out"), "--no-plots", "--quiet"]
    files = [str(folder / "own.py"), str(folder / "f0.root"), str(folder / "f1.root")]
    command = [sys.executable, "-m", "coffea_fm.cli", "run", *files, *options, *places]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def writes(folder: Path) -> int:
    return sum(len(files) for place in ("out", "kept") for _, _, files in os.walk(folder / place))


def kill_after(folder: Path, steps: int) -> None:
    """Start a run, and kill it once it has written so many files, if it has not ended."""
    before, running = writes(folder), start(folder)
    while running.poll() is None and writes(folder) < before + steps:
        time.sleep(0.002)
    running.kill()
    running.communicate()


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(PROCESSOR)
    make_bundle(tmp_path / "counting")
    for number in range(2):
        make_nano(tmp_path / f"f{number}.root", 80, number)
    chance = random.Random(7)
    for _ in range(3):
        kill_after(tmp_path, chance.randrange(1, 9))
    last = start(tmp_path)
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    entries = read_histograms(tmp_path / "out" / "histograms.zip")["entries"]
    for name in ("f0", "f1"):
        assert entries[{"dataset": name}].values().tolist() == [1.0] * 80 + [0.0] * 20
    shards = list((tmp_path / "shards").glob("*.parquet"))
    rows = sum(pq.read_metadata(path).num_rows for path in shards)
    assert rows == json.loads((tmp_path / "out" / "cutflow.json").read_text())["cutflow"]["written"]
    assert len(shards) == len({path.name for path in shards}) <= 16
    friends = list((tmp_path / "out" / "friends").rglob("*.parquet"))
    assert [pq.read_metadata(path).num_rows for path in friends if ".parts" not in path.parts] == [80, 80]
    assert not list(tmp_path.rglob("*.tmp")), "what killed runs left is removed"
    processed = (tmp_path / "log.txt").read_text().splitlines()
    assert len(set(processed)) == 16
    assert len(processed) <= 16 + 3, "no kill costs more than the chunk that was running"
