"""A run with checkpoints that is killed at random moments and started again gives what an undisturbed one gives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
from made import make_bundle, make_nano

from coffea_fm.analysis.histogram_files import read_histograms

KILLED = '''
"""Fork runs from a process that has imported all; kill each after a random number of events in its folders."""
import os, random, signal, sys, time
from pathlib import Path
import coffea_fm, coffea_fm.running.friend_files
from coffea.processor import Runner

folder, times = Path(sys.argv[1]), int(sys.argv[2])
out, kept, log = folder / "out", folder / "kept", folder / "log"

def start():
    child = os.fork()
    if child:
        return child
    try:
        coffea_fm.run(
            f"{folder / 'own.py'}", [folder / "f0.root", folder / "f1.root"], out, friends="scores", plots=False,
            options={"folder": str(folder), "bundle": str(folder / "counting")}, chunksize=10, checkpoints=kept, quiet=True,
        )
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

def writes():
    return sum(len(files) for place in (out, kept) for _, _, files in os.walk(place))

random.seed(7)
for _ in range(times):
    child, before, steps = start(), writes(), random.randrange(1, 9)
    while not (ended := os.waitpid(child, os.WNOHANG)[0]) and writes() < before + steps:
        time.sleep(random.uniform(0, 0.003))
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(start(), 0)[1]))
'''

PROCESSOR = """
from pathlib import Path

import hist
import numpy as np
from coffea.processor import ProcessorABC

import coffea_fm


class Own(ProcessorABC):
    def __init__(self, folder, bundle):
        self.log = Path(folder) / "log"
        self.taggers = {"FatJet": coffea_fm.load(bundle)}
        self.collector = coffea_fm.collector(Path(folder) / "shards")

    def process(self, events):
        about = events.metadata
        with self.log.open("a") as log:
            print(about["dataset"], about["entrystart"], file=log)
        dataset = hist.axis.StrCategory([], growth=True, name="dataset")
        entries = hist.Hist(dataset, hist.axis.Integer(0, 100, name="entry"))
        entries.fill(dataset=about["dataset"], entry=np.arange(about["entrystart"], about["entrystop"]))
        return {"entries": entries, "cutflow": self.collector(events.FatJet, events=events)}

    def postprocess(self, accumulator): ...
"""


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(PROCESSOR)
    (tmp_path / "killed.py").write_text(KILLED)
    make_bundle(tmp_path / "counting")
    for number in range(2):
        make_nano(tmp_path / f"f{number}.root", 80, number)
    done = subprocess.run(
        [sys.executable, tmp_path / "killed.py", tmp_path, "4"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
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
    processed = (tmp_path / "log").read_text().splitlines()
    assert len(set(processed)) == 16
    assert len(processed) <= 16 + 4, "no kill costs more than the chunk that was running"
