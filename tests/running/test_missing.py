"""Runs in which some chunks cannot be done: what is missing is named exactly, and the same command completes it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from made import make_bundle, make_nano
from typer.testing import CliRunner

from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.cli import main

# the name of the file of troubles is put together: one that the code spells out would count as part of it
PROCESSOR = """
import errno
import json
import os
from pathlib import Path

import hist
import numpy as np
from coffea.processor import ProcessorABC

import coffea_fm


class Own(ProcessorABC):
    def __init__(self, folder, bundle):
        self.trouble = Path(folder)
        self.taggers = {"FatJet": coffea_fm.load(bundle)}
        self.collector = coffea_fm.collector(Path(folder) / "shards")

    def process(self, events):
        about = events.metadata
        place = f"{Path(about['filename']).stem}-{about['entrystart']}"
        with (self.trouble / "log").open("a") as log:
            print(place, file=log)
        trouble = json.loads((self.trouble / ("trouble" + ".json")).read_text())
        if place in trouble:
            raise OSError(trouble[place], os.strerror(trouble[place]), "/some/file")
        dataset = hist.axis.StrCategory([], growth=True, name="dataset")
        entries = hist.Hist(dataset, hist.axis.Integer(0, 100, name="entry"))
        entries.fill(dataset=about["dataset"], entry=np.arange(about["entrystart"], about["entrystop"]))
        return {"entries": entries, "cutflow": self.collector(events.FatJet, events=events)}

    def postprocess(self, accumulator): ...
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A processor that writes shards, two files of 60 events, and no trouble yet."""
    (tmp_path / "own.py").write_text(PROCESSOR)
    make_bundle(tmp_path / "counting")
    for number in range(2):
        make_nano(tmp_path / f"f{number}.root", 60, number)
    trouble(tmp_path)
    return tmp_path


def trouble(own: Path, **places: int) -> None:
    content = {place.replace("_", "-"): number for place, number in places.items()}
    (own / "trouble.json").write_text(json.dumps(content))


def run(own: Path, output: str, *options: str) -> tuple[int, dict, str, list[str]]:
    """Exit code, summary, messages, and the chunks that were processed."""
    (own / "log").unlink(missing_ok=True)
    given = ["-O", f"folder={own}", "-O", f"bundle={own / 'counting'}", "--chunksize", "15", "--friends", "scores"]
    files = [str(own / f"f{number}.root") for number in range(2)]
    command = ["run", str(own / "own.py"), *files, *given, "--no-plots", "--json", "-o", str(own / output), *options]
    result = CliRunner().invoke(main, command)
    done = (own / "log").read_text().split() if (own / "log").exists() else []
    return result.exit_code, json.loads(result.stdout or "{}"), result.stderr, done


def content(own: Path, output: str) -> tuple[object, ...]:
    """All that a run wrote: bins, counts, rows."""
    entries = read_histograms(own / output / "histograms.zip")["entries"]
    bins = {name: entries[{"dataset": name}].values().tolist() for name in entries.axes["dataset"]}
    paths = sorted((own / output / "friends").glob("[!.]*/*.parquet"))  # not the parts, which checkpoints need
    friends = [(path.name, repr(pq.read_table(path).to_pydict())) for path in paths]  # NaN equals NaN
    return bins, json.loads((own / output / "cutflow.json").read_text()), friends


def test_what_is_missing_is_named_and_the_same_command_completes_it(own: Path) -> None:
    assert run(own, "undisturbed")[0] == 0
    trouble(own, f0_15=errno.ENOSPC, f0_30=errno.ENOSPC, f1_45=errno.ENOSPC)
    code, summary, message, done = run(own, "out")
    assert code == 1
    assert [(Path(part["file"]).name, part["ranges"]) for part in summary["missing"]] == [
        ("f0.root", [[15, 45]]),
        ("f1.root", [[45, 60]]),
    ]
    assert (summary["events"], summary["events_missing"], len(done)) == (75, 45, 8 + 3), "each is tried once more"
    assert "No space left on device" in summary["missing"][0]["reason"]
    assert f"45 events of 2 files are missing, listed in {own / 'out' / 'missing.json'}" in message
    assert "run the same command again to complete the result" in message
    listed = json.loads((own / "out" / "missing.json").read_text())
    assert listed["f0"]["files"][str(own / "f0.root")]["steps"] == [[15, 45]]
    trouble(own)
    code, summary, message, done = run(own, "out")
    assert (code, summary["missing"], sorted(done)) == (0, [], ["f0-15", "f0-30", "f1-45"]), message
    assert "5 of 8 chunks are from the run before this one" in summary["notes"]
    assert content(own, "out") == content(own, "undisturbed")
    left = {path.name for path in (own / "out").rglob("*")} & {"missing.json", ".unfinished.chunk", ".parts"}
    assert not left


def test_a_missing_range_can_be_run_as_a_fileset(own: Path) -> None:
    trouble(own, f0_15=errno.ENOSPC)
    run(own, "out")
    trouble(own)
    fileset = json.loads((own / "out" / "missing.json").read_text())
    given = ["-O", f"folder={own}", "-O", f"bundle={own / 'counting'}", "--no-plots", "--json", "-o", str(own / "rest")]
    result = CliRunner().invoke(main, ["run", str(own / "own.py"), str(own / "out" / "missing.json"), *given])
    assert fileset.keys() == {"f0"}
    assert json.loads(result.stdout)["events"] == 15


def test_another_processor_takes_nothing_of_an_incomplete_run(own: Path) -> None:
    trouble(own, f0_15=errno.ENOSPC)
    run(own, "out")
    trouble(own)
    (own / "own.py").write_text(PROCESSOR.replace("Integer(0, 100", "Integer(0, 200"))
    code, summary, _, done = run(own, "out")
    assert (code, len(done), summary["notes"][0][:7]) == (0, 8, "friends")


def test_with_checkpoints_only_what_is_missing_is_done_again(own: Path) -> None:
    assert run(own, "undisturbed")[0] == 0
    trouble(own, f0_15=errno.ENOSPC)
    assert run(own, "out", "--checkpoints", str(own / "kept"))[0] == 1
    (own / "out" / ".unfinished.chunk").unlink()
    trouble(own)
    code, _, message, done = run(own, "out", "--checkpoints", str(own / "kept"))
    assert (code, done) == (0, ["f0-15"]), message
    assert content(own, "out") == content(own, "undisturbed")


def test_temporary_trouble_costs_nothing(own: Path) -> None:
    """What could not be done is tried once more at the end."""
    text = PROCESSOR.replace("if place in trouble:", "if place in trouble and not (self.trouble / 'again').exists():")
    text = text.replace(
        "            raise OSError", "            (self.trouble / 'again').touch()\n            raise OSError"
    )
    (own / "own.py").write_text(text)
    trouble(own, f0_15=errno.ENOSPC)
    code, summary, message, done = run(own, "out")
    assert (code, summary["missing"], summary["events"], len(done)) == (0, [], 120, 9), message


def test_trouble_everywhere_is_one_sentence(own: Path) -> None:
    trouble(own, **{f"f{number}_{start}": errno.ENOSPC for number in range(2) for start in range(0, 60, 15)})
    code, _, message, _ = run(own, "out")
    assert (code, len(message.splitlines())) == (1, 1)
    assert "no chunk of the fileset could be processed; the first: " in message


def test_an_error_of_the_processor_ends_the_run(own: Path) -> None:
    trouble(own, f0_15=errno.ENOENT)
    code, _, message, _ = run(own, "out")
    assert (code, len(message.splitlines())) == (1, 1)
    assert "f0.root, entries 15 to 30 failed: FileNotFoundError" in message


def test_temporary_files_of_killed_workers_are_removed(own: Path) -> None:
    """The same command has them under the same name; those of others stay."""
    text = PROCESSOR.replace(
        "        if place in trouble:",
        "        from coffea_fm.files import atomic\n"
        "        if place in trouble:\n"
        "            with atomic(self.trouble / 'shards' / 'part') as path:\n"
        "                path.touch()\n"
        "                path.rename(path.with_name(path.name.replace('.tmp', '9.tmp')))\n"
        "                raise OSError(28, 'full')\n"
        "        if place in trouble:",
    )
    (own / "own.py").write_text(text)
    trouble(own, f0_15=errno.ENOSPC)
    run(own, "out")
    other = own / "shards" / ".shard.abcdef12-12345678-1-12345678-12345678.tmp"
    other.touch()
    assert run(own, "out")[0] == 1
    assert [path.name for path in (own / "shards").glob(".*.tmp")] == [other.name]


def test_two_equal_runs_at_once_leave_each_others_open_files(own: Path) -> None:
    """The first is writing a file when the second, into the same folder, is done and cleans up."""
    text = PROCESSOR.replace(
        "        if place in trouble:",
        "        import time\n"
        "        from coffea_fm.files import atomic\n"
        "        if not (self.trouble / 'first').exists():\n"
        "            with atomic(self.trouble / 'shards' / 'slow.txt') as path:\n"
        "                path.write_text('whole')\n"
        "                (self.trouble / 'first').touch()\n"
        "                while not (self.trouble / 'go').exists():\n"
        "                    time.sleep(0.02)\n"
        "        if place in trouble:",
    )
    (own / "own.py").write_text(text)
    trouble(own)
    files = [str(own / f"f{number}.root") for number in range(2)]
    given = ["-O", f"folder={own}", "-O", f"bundle={own / 'counting'}", "--no-plots", "-o", str(own / "out")]
    command = [sys.executable, "-m", "coffea_fm.cli", "run", str(own / "own.py"), *files, *given]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (own / "first").exists():
        assert first.poll() is None
        time.sleep(0.02)
    subprocess.run(command, capture_output=True, check=True)
    assert len(list((own / "shards").glob(".slow.txt.*.tmp"))) == 1
    (own / "go").touch()
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 0, errors
    assert (own / "shards" / "slow.txt").read_text() == "whole"
    assert not list(own.rglob("*.tmp"))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is denied to root")
def test_a_folder_that_denies_writing_is_missing_entries(own: Path) -> None:
    (own / "shards").mkdir(mode=0o555)
    code, _, message, _ = run(own, "out")
    assert code == 1
    assert "permission denied" in message
