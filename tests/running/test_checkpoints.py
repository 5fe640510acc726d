from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.running.checkpoints import fingerprint
from coffea_fm.running.execute import execute
from coffea_fm.running.executors import make_executor
from coffea_fm.running.processors import load_processor
from coffea_fm.running.sources import read_fileset
from coffea_fm.schemas import NanoAODSchema, PFNanoAODSchema

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

    def run_again(*, weight=1, **options):
        (tmp_path / "fileset.json").write_text(
            json.dumps({"nano": {"files": ["nano.root"], "metadata": {"weight": weight}}})
        )
        (tmp_path / "log").unlink(missing_ok=True)
        processor = load_processor(str(tmp_path / "log.py"), {"log": str(tmp_path / "log"), **options})
        fileset = read_fileset([str(tmp_path / "fileset.json")])
        settings = {"chunksize": 15, "checkpoints": tmp_path / "kept", "quiet": True}
        try:
            result = execute(processor, fileset, PFNanoAODSchema, make_executor(), **settings)
        except InputError:
            return None, (tmp_path / "log").read_text().split()
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
    nano.touch()
    assert go() == (60, everything)
    (tmp_path / "log.py").write_text(CODE.replace("len(events) *", "2 * len(events) *"))
    assert go() == (120, everything)


def test_the_schema_is_part_of_the_fingerprint(processor):
    instance = load_processor(str(processor))
    assert fingerprint(instance, PFNanoAODSchema) == fingerprint(load_processor(str(processor)), PFNanoAODSchema)
    assert fingerprint(instance, PFNanoAODSchema) != fingerprint(instance, NanoAODSchema)


def test_what_does_not_pickle_is_refused(processor):
    instance = load_processor(str(processor))
    instance.cut = lambda pt: pt > 3
    with pytest.raises(RecipeError, match="checkpoints need a processor that pickles, and CountJets does not"):
        fingerprint(instance, PFNanoAODSchema)


def test_a_fingerprint_covers_what_a_processor_runs(processor, tmp_path):
    def now(**options):
        return fingerprint(load_processor(str(processor), options), PFNanoAODSchema)

    before = now()
    (processor.parent / "imported_later.py").write_text("CUT = 1\n")
    assert now() != before
    data = tmp_path / "corrections.json"
    data.write_text("1")
    before = now(fail=str(data))
    data.write_text("12")
    assert now(fail=str(data)) != before


def test_sets_have_no_order_of_their_own(processor, tmp_path):
    code = (
        "import sys; from coffea_fm.running.checkpoints import fingerprint; from coffea_fm.schemas import NanoAODSchema\n"
        "from coffea_fm.running.processors import load_processor; p = load_processor(sys.argv[1])\n"
        "p.names = {'a', 'b', 'c', 'd', 'e'}; print(fingerprint(p, NanoAODSchema))"
    )
    (tmp_path / "code.py").write_text(code)
    command = [sys.executable, str(tmp_path / "code.py"), str(processor)]
    runs = [
        subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
