"""Outputs of several jobs as those of one; no entry counts twice."""

from __future__ import annotations

import json
import shutil

import coffea.util
import pytest
from made import make_nano
from pages import run_page
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.cli import main
from coffea_fm.errors import InputError
from coffea_fm.shipped import shipped


def steps(file, *ranges, dataset="tt"):
    return {dataset: {"files": {str(file): {"object_path": "Events", "steps": [list(part) for part in ranges]}}}}


@pytest.fixture
def jobs(processor, nano, tmp_path):
    """Two jobs on one file and another file, each with chunks of ten events."""
    make_nano(tmp_path / "other.root", 30, seed=1)
    filesets = {
        "one": steps(nano, [0, 20], [40, 60]),
        "two": steps(nano, [20, 40]) | {"qcd": [str(tmp_path / "other.root")]},
    }
    for name, fileset in filesets.items():
        coffea_fm.run(processor, fileset, tmp_path / name, chunksize=10, plots=False, quiet=True)
    return tmp_path


def test_the_sum_is_what_one_job_gives(processor, jobs):
    command = ["merge", str(jobs / "one"), str(jobs / "two"), "-o", str(jobs / "sum"), "--no-plots", "--json"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.stderr
    whole = {"tt": [str(jobs / "nano.root")], "qcd": [str(jobs / "other.root")]}
    coffea_fm.run(processor, whole, jobs / "whole", chunksize=10, plots=False, quiet=True)
    counts, expected = (json.loads((jobs / name / "cutflow.json").read_text()) for name in ("sum", "whole"))
    assert counts == expected
    assert counts["postprocessed"] is True
    summed, accumulated = (coffea.util.load(jobs / name / "output.coffea") for name in ("sum", "whole"))
    for dataset in whole:
        assert summed["spectra"]["pt"][dataset, :] == accumulated["spectra"]["pt"][dataset, :]
    account, expected = (json.loads((jobs / name / "summary.json").read_text()) for name in ("sum", "whole"))
    for key in ("events", "events_by_dataset", "chunks", "columns", "processed", "processor", "failures"):
        assert account[key] == expected[key], key
    # what was processed is a fileset of coffea: the same again
    assert coffea_fm.run(processor, account["processed"], quiet=True).events == {"tt": 60, "qcd": 30}


def test_the_same_entries_twice_are_refused_with_file_and_range(processor, jobs):
    copy = jobs / "copy.root"
    shutil.copy(jobs / "nano.root", copy)
    coffea_fm.run(processor, steps(copy, [15, 25], dataset="copy"), jobs / "three", plots=False, quiet=True)
    with pytest.raises(
        InputError, match=r"one \(there .*nano\.root\) and .*three both processed entries 15 to 20 of .*copy"
    ):
        coffea_fm.merge([jobs / "one", jobs / "three"])
    with pytest.raises(InputError, match=r"two.* and .*three both processed entries 20 to 25 of .*copy\.root"):
        coffea_fm.merge([jobs / "two", jobs / "three"])
    with pytest.raises(InputError, match="one is given twice"):
        coffea_fm.merge([jobs / "one", jobs / "one"])


def test_what_cannot_be_added_is_refused(processor, jobs):
    with pytest.raises(InputError, match=r"none is not a finished run: cannot read .*summary\.json"):
        coffea_fm.merge([jobs / "one", jobs / "none"])
    with pytest.raises(InputError, match="which is one of its parts: choose another folder"):
        coffea_fm.merge([jobs / "one", jobs / "two"], jobs / "one")
    other = steps(jobs / "other.root", [0, 10])
    coffea_fm.run(processor, other, jobs / "cut", options={"minimum": 500}, plots=False, quiet=True)
    with pytest.raises(
        InputError, match=r"not made by the same processor: .*count_jets\.py\(\), and .*\(minimum=500\)"
    ):
        coffea_fm.merge([jobs / "one", jobs / "cut"])
    assert coffea_fm.merge([jobs / "one", jobs / "cut"], processor=processor).events == {"tt": 50}


def test_the_commands_of_the_page(tmp_path, monkeypatch):
    (tmp_path / "samples").symlink_to(shipped("samples"))
    monkeypatch.chdir(tmp_path)
    *parts, whole = run_page("merge.md", "--no-plots")
    assert whole["events"] == sum(part["events"] for part in parts) > 1000
    assert (whole["failures"], whole["not_written"]) == ({}, {})
