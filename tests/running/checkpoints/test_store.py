from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest
from made import make_bundle, make_nano

import coffea_fm
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.running.checkpoints.store import fingerprint
from coffea_fm.running.execute import execute
from coffea_fm.running.executors import make_executor
from coffea_fm.running.processors import load_processor
from coffea_fm.running.sources import read_fileset
from coffea_fm.schemas import PFNanoAODSchema

CODE = """
from pathlib import Path
from coffea.processor import ProcessorABC

class Log(ProcessorABC):
    def __init__(self, log, stop_after=-1, scale=1):
        self.log, self.scale = log, scale
        Path(log + ".stop").write_text(str(stop_after))

    def process(self, events):
        log = Path(self.log)
        done = log.read_text().splitlines() if log.exists() else []
        if len(done) == int(Path(self.log + ".stop").read_text()):
            raise ValueError("stopped")
        log.write_text("\\n".join([*done, str(events.metadata["entrystart"])]))
        return {"events": len(events) * self.scale * events.metadata.get("weight", 1)}

    def postprocess(self, accumulator): ...
"""


@pytest.fixture
def go(tmp_path, nano):  # noqa: ARG001 - the file that the fileset names
    """Run with checkpoints over 60 events in chunks of 15; gives the sum and the chunks that were processed."""
    (tmp_path / "log.py").write_text(CODE)

    def run_again(*, weight=1, file="nano.root", **options):
        (tmp_path / "fileset.json").write_text(json.dumps({"nano": {"files": [file], "metadata": {"weight": weight}}}))
        (tmp_path / "log").unlink(missing_ok=True)
        processor = load_processor(str(tmp_path / "log.py"), {"log": str(tmp_path / "log"), **options})
        fileset = read_fileset([str(tmp_path / "fileset.json")])
        settings = {"chunksize": 15, "checkpoints": tmp_path / "kept", "quiet": True}
        try:
            result = execute(processor, fileset, PFNanoAODSchema, make_executor(), **settings)
        except InputError:
            return None, (tmp_path / "log").read_text().split()
        run_again.notes = result.notes
        log = tmp_path / "log"
        return result.output["events"], log.read_text().split() if log.exists() else []

    return run_again


def test_a_stopped_run_continues(go):
    assert go(stop_after=2) == (None, ["0", "15"])
    assert go() == (60, ["30", "45"])
    assert go() == (60, [])


def test_changed_options_metadata_code_or_files_start_anew(go, tmp_path, nano):
    everything = ["0", "15", "30", "45"]
    assert go() == (60, everything)
    assert go(scale=2) == (120, everything)
    assert go(weight=3) == (180, everything)
    (tmp_path / "log.py").write_text(CODE.replace("len(events) *", "2 * len(events) *"))
    assert go() == (120, everything)
    (tmp_path / "log.py").write_text(CODE)
    assert go() == (60, [])
    make_nano(nano, 60, seed=1)
    assert go() == (60, everything)


def test_a_file_that_was_moved_or_copied_is_the_same(go, tmp_path, nano):
    assert go() == (60, ["0", "15", "30", "45"])
    content = nano.read_bytes()
    nano.unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "copy.root").write_bytes(content)
    assert go(file="elsewhere/copy.root") == (60, [])


@pytest.mark.parametrize("content", [b"", b"coffea-fm sealed 1\n", bytes(3000)])
def test_a_damaged_checkpoint_is_processed_again_and_named(go, tmp_path, content):
    go()
    first, second, *_ = sorted((tmp_path / "kept").rglob("*.chunk"))
    first.write_bytes(content)
    second.write_bytes(second.read_bytes()[:-1])
    events, again = go()
    assert (events, len(again)) == (60, 2)
    for path in (first, second):
        assert any("was processed again: " in note and str(path) in note for note in go.notes)
    assert go() == (60, [])


def test_a_checkpoint_of_another_account_is_not_unpickled(go, tmp_path, monkeypatch):
    go()
    monkeypatch.setenv("COFFEA_FM_KEY", str(tmp_path / "key of another"))
    assert go() == (60, ["0", "15", "30", "45"])
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_a_chunk_whose_shard_is_gone_is_processed_again(tmp_path, nano):
    settings = {"chunksize": 15, "checkpoints": tmp_path / "kept", "quiet": True}
    for index in range(3):
        result = coffea_fm.collect(nano, tmp_path / "shards", **settings)
        shards = sorted((tmp_path / "shards").glob("*.parquet"))
        assert len(shards) == 4
        if index:
            assert f"{4 - index} of 4 chunks are from checkpoints" in result.notes
        for shard in shards[: index + 1]:
            shard.unlink() if index == 0 else shard.write_bytes(b"cut")


def test_what_has_no_content_is_refused(processor):
    instance = load_processor(str(processor))
    instance.lock = threading.Lock()
    with pytest.raises(RecipeError, match=r"'lock' of .*CountJets holds a lock"):
        fingerprint(instance, PFNanoAODSchema)


def test_two_runs_in_one_folder_give_the_same(tmp_path, nano):
    """At the same time, in two processes, each with a process of its own for chunks."""
    code = (
        "import sys, coffea_fm\n"
        "print(coffea_fm.run('tag_jets', sys.argv[1], sys.argv[2], options={'bundle': sys.argv[3]}, chunksize=10,"
        " checkpoints=sys.argv[4], plots=False, quiet=True).n_events)"
    )
    make_bundle(tmp_path / "counting")
    command = [sys.executable, "-c", code, nano]
    folders = [tmp_path / "a", tmp_path / "b"]
    running = [
        subprocess.Popen([*command, folder, tmp_path / "counting", tmp_path / "kept"], stdout=subprocess.PIPE)
        for folder in folders
    ]
    assert [process.communicate()[0].split() for process in running] == [[b"60"], [b"60"]]
    one, other = (json.loads((folder / "cutflow.json").read_text()) for folder in folders)
    assert one == other
    (run,) = coffea_fm.list_checkpoints(tmp_path / "kept")
    assert (run.chunks, run.expected) == (6, 6)
    assert not list((tmp_path / "kept").rglob("*.tmp"))
