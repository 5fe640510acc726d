"""Workers that are killed in the middle of a run, and what becomes of them when the run itself is."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import psutil
import pyarrow.parquet as pq
import pytest
from made import make_bundle, make_nano
from typer.testing import CliRunner
from warm_workers import warm_workers

from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.cli import main
from coffea_fm.shipped import shipped

KILLING = '''

import os
import signal
import time


class Killing:
    """Once it has done a chunk, and other chunks are done too, kills a worker: this one, or one that holds results."""

    def __init__(self, notes, victim, **options):
        super().__init__(**options)
        self.notes, self.victim = Path(notes), victim

    def process(self, events):
        output = super().process(events)
        source = events.metadata
        done = f"{os.getpid()}-{Path(source['filename']).stem}-{source['entrystart']}-{time.monotonic_ns()}"
        (self.notes / done).touch()
        time.sleep(0.2)
        if self.victim == "always" and source["entrystart"] == 0 and source["filename"].endswith("f1.root"):
            os.kill(os.getpid(), signal.SIGKILL)
        others = {int(note.name.partition("-")[0]) for note in self.notes.iterdir() if note.name[0].isdigit()}
        others.discard(os.getpid())
        if others and self.victim in ("itself", "other") and len(list(self.notes.iterdir())) > 3:
            try:
                (self.notes / "killed").touch(exist_ok=False)
            except FileExistsError:
                return output
            os.kill(os.getpid() if self.victim == "itself" else others.pop(), signal.SIGKILL)
        return output
'''


@pytest.fixture(autouse=True)
def warm() -> Iterator[None]:
    with warm_workers():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of four chunks each, a bundle, and the shipped processors with a worker killed on the way."""
    for name, base in (("tag_jets", "TagJets"), ("collect_jets", "CollectJets")):
        source = shipped("processors", f"{name}.py").read_text() + "\n\nfrom pathlib import Path\n" + KILLING
        (tmp_path / f"{name}.py").write_text(f"{source}\n\nclass Disturbed(Killing, {base}):\n    pass\n")
    make_bundle(tmp_path / "counting")
    for number in range(3):
        make_nano(tmp_path / f"f{number}.root", 120, number)
    (tmp_path / "notes").mkdir()
    return tmp_path


def invoke(folder: Path, command: list[str], output: str, victim: str, *options: str) -> tuple[int, dict, str]:
    files = [str(folder / f"f{number}.root") for number in range(3)]
    killing = ["-O", f"notes={folder / 'notes'}", "-O", f"victim={victim}", "--chunksize", "30", "--json"]
    result = CliRunner().invoke(main, [*command, *files, *killing, *options, "-o", str(folder / output)])
    return result.exit_code, json.loads(result.stdout or "{}"), result.stderr


def chunks_done(folder: Path) -> tuple[int, int]:
    """How often a chunk was processed, and how many different chunks."""
    notes = [note.name.split("-")[1:3] for note in (folder / "notes").iterdir() if note.name != "killed"]
    return len(notes), len({tuple(note) for note in notes})


def test_results_lost_with_a_worker_are_made_again(folder: Path) -> None:
    command = ["run", f"{folder / 'tag_jets.py'}:Disturbed"]
    options = ["-O", f"bundle={folder / 'counting'}", "--no-plots"]
    dask = ["--cluster", "local", "--workers", "2"]
    code, disturbed, message = invoke(folder, command, "disturbed", "other", *options, *dask)
    assert code == 0, message
    assert (folder / "notes" / "killed").exists()
    times, chunks = chunks_done(folder)
    assert times > chunks == 12
    code, expected, message = invoke(folder, command, "undisturbed", "nobody", *options)
    assert code == 0, message
    for key in ("events", "events_by_dataset", "files", "chunks", "skipped", "columns"):
        assert disturbed[key] == expected[key]
    found, wanted = (read_histograms(folder / name / "histograms.zip") for name in ("disturbed", "undisturbed"))
    assert found.keys() == wanted.keys()
    assert {name: contents(found[name]) for name in found} == {name: contents(wanted[name]) for name in wanted}
    cutflows = [json.loads((folder / name / "cutflow.json").read_text()) for name in ("disturbed", "undisturbed")]
    assert cutflows[0] == cutflows[1]


def contents(histogram) -> dict:
    """Bins by dataset, whose order depends on which chunk was merged first."""
    return {name: histogram[{"dataset": name}].view(flow=True).tolist() for name in histogram.axes["dataset"]}


def test_collected_shards_are_not_duplicated(folder: Path) -> None:
    command = ["collect", "--processor", f"{folder / 'collect_jets.py'}:Disturbed"]
    code, disturbed, message = invoke(folder, command, "disturbed", "itself", "--cluster", "local", "--workers", "2")
    assert code == 0, message
    times, chunks = chunks_done(folder)
    assert times > chunks == 12
    _, expected, _ = invoke(folder, command, "undisturbed", "nobody")
    assert disturbed["events"] == expected["events"] == 360
    found, wanted = (sorted((folder / name).glob("*.parquet")) for name in ("disturbed", "undisturbed"))
    assert [path.name for path in found] == [path.name for path in wanted]
    assert len(found) == 12
    for path, other in zip(found, wanted, strict=True):
        assert pq.read_table(path).equals(pq.read_table(other))


@pytest.mark.parametrize(
    ("cluster", "reason"),
    [
        (["--cluster", "local"], "dask workers died repeatedly on it, most likely out of memory"),
        ([], "its worker process was killed, most likely out of memory"),
    ],
)
def test_a_chunk_that_kills_every_worker_alone_is_missing(
    folder: Path, cluster: list[str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    in_process = ["run", f"{folder / 'tag_jets.py'}:Disturbed", "-O", f"bundle={folder / 'counting'}", "--no-plots"]
    command = [*in_process, "--workers", "2"]
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        code, summary, message = invoke(folder, command, "out", "always", *cluster)
    assert code == 1
    (missing,) = summary["missing"]
    assert (missing["file"], missing["ranges"]) == (str(folder / "f1.root"), [[0, 30]])
    assert missing["reason"].startswith(reason)
    assert (summary["events"], summary["chunks"], summary["events_missing"]) == (330, 11, 30)
    assert message.startswith("coffea-fm: failed: 30 events of 1 file are missing")
    assert "Traceback" not in "".join(capfd.readouterr())
    code, summary, _ = invoke(folder, in_process, "out", "nobody")
    assert (code, summary["events"], summary["missing"]) == (0, 360, [])


SLOW = """
import time
from pathlib import Path
from coffea.processor import ProcessorABC

class Slow(ProcessorABC):
    def __init__(self, notes):
        self.notes = Path(notes)

    def process(self, events):
        (self.notes / str(time.monotonic_ns())).touch()
        time.sleep(1)
        return {"events": len(events)}

    def postprocess(self, accumulator): ...
"""


@pytest.mark.parametrize("dask", [[], ["--cluster", "local"]])
def test_workers_end_with_a_killed_parent(folder: Path, dask: list[str]) -> None:
    (folder / "slow.py").write_text(SLOW)
    command = [sys.executable, "-c", "from coffea_fm.cli import main; main()", "run", "slow.py", "f0.root", "f1.root"]
    options = ["-O", f"notes={folder / 'notes'}", "--workers", "2", "--chunksize", "10", "-o", "out", *dask]
    with subprocess.Popen([*command, *options], cwd=folder, stderr=subprocess.DEVNULL) as process:
        wait(lambda: len(list((folder / "notes").iterdir())) > 1)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert len(children) > 1
    _, alive = psutil.wait_procs(children, timeout=20)
    for child in alive:
        child.kill()
    assert not alive


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)
