from __future__ import annotations

import json
from pathlib import Path

import coffea.util
import hist
import numpy as np
import pytest
import uproot

import coffea_fm
from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.errors import InputError
from coffea_fm.files import prepare_folder
from coffea_fm.names import KEY, safe_name
from coffea_fm.running.accumulated import take_apart
from coffea_fm.running.outputs import finish
from coffea_fm.running.result import RunResult


def spectrum() -> hist.Hist:
    made = hist.Hist(
        hist.axis.StrCategory([], growth=True, name="dataset"),
        hist.axis.IntCategory([5, 21], name="flavour"),
        hist.axis.Regular(4, 0, 1, name="x", label="$x$ [GeV]"),
        storage=hist.storage.Weight(),
    )
    made.fill(dataset="tt/2024", flavour=5, x=[0.1, 0.3, 2], weight=[1, 2, 3])
    made.fill(dataset="qcd", flavour=21, x=[0.9])
    return made


def everything() -> dict:
    four = hist.Hist(*(hist.axis.Regular(2, 0, 1) for _ in range(4)))
    return {
        "spectra": {"x": spectrum()},
        "four": four,
        "plain": hist.Hist(hist.axis.Regular(2, 0, 1)).fill([0.2]),
        "cutflow": {"tt": {"events": np.int64(3), "weight": np.float32(0.5)}},
        "bundle": {"abc"},
        "array": np.zeros(3),
    }


def result(output: object) -> RunResult:
    return RunResult(output, {"tt": 3}, 1.5, 1, 1, skipped={"x.root": "cannot read x.root"})


class Processor:
    """What `finish` needs of one."""

    def __init__(self, postprocess=lambda _: None):
        self.postprocess = postprocess


def write(output, folder, **options):
    return finish(result(output), Processor(**options), folder)


def test_histograms_and_counts_are_taken_apart():
    parts = take_apart(everything())
    assert list(parts.histograms) == ["spectra/x", "four", "plain"]
    assert parts.counts == {"cutflow": {"tt": {"events": 3, "weight": 0.5}}, "bundle": ["abc"]}
    assert list(parts.arrays) == ["array"]
    assert list(take_apart(spectrum()).histograms) == ["output"]


def test_hist_reads_back_exactly_what_was_filled(tmp_path):
    write(everything(), tmp_path)
    back = read_histograms(tmp_path)
    assert back == take_apart(everything()).histograms
    assert back["spectra/x"].axes["x"].label == "$x$ [GeV]"


def test_root_holds_one_histogram_for_each_combination_with_entries(tmp_path):
    write(everything(), tmp_path)
    with uproot.open(tmp_path / "histograms.root") as file:
        names = set(file.keys(cycle=False, filter_classname="TH1*"))
        tt = safe_name("tt/2024", KEY)
        assert names == {f"spectra/x/{tt}/5", "spectra/x/qcd/21", "plain"}
        stored = file[f"spectra/x/{tt}/5"]
        assert stored.values(flow=True) == pytest.approx([0, 1, 2, 0, 0, 3])
        assert stored.variances(flow=True) == pytest.approx([0, 1, 4, 0, 0, 9])


def test_the_account_names_everything_written_and_skipped(tmp_path):
    account = write(everything(), tmp_path)
    assert account.summary() == json.loads((tmp_path / "summary.json").read_text())
    assert account.summary()["events_per_second"] == 2.0
    assert account.skipped == {"x.root": "cannot read x.root"}
    assert account.failures == {}
    written = account.written
    assert list(account.not_written) == ["four in histograms.root", "four"]
    plots = {str(Path(path).relative_to(tmp_path / "plots")) for path in written["plots"]}
    figures = ("spectra/x_by_dataset", "spectra/x_by_flavour", "plain_by_all")
    assert plots == {f"{name}.{ending}" for name in figures for ending in ("png", "pdf")}
    named = {*written["plots"], *written["histograms"], *written["arrays"], written["counts"], written["accumulated"]}
    assert {str(path) for path in tmp_path.rglob("*") if path.is_file()} == {*named, str(tmp_path / "summary.json")}


def test_a_failed_write_leaves_the_files_of_before_and_costs_no_other(tmp_path, monkeypatch):
    write(everything(), tmp_path)
    before = (tmp_path / "histograms.zip").read_bytes()
    monkeypatch.setattr("coffea_fm.running.outputs.write_histograms", lambda *_: 1 / 0)
    account = write({**everything(), "more": 1}, tmp_path)
    assert account.failures == {"histograms.zip": "histograms.zip: ZeroDivisionError: division by zero"}
    assert (tmp_path / "histograms.zip").read_bytes() == before
    assert json.loads((tmp_path / "cutflow.json").read_text())["more"] == 1
    assert json.loads((tmp_path / "summary.json").read_text()) == account.summary()
    assert not list(tmp_path.glob(".*"))


def test_a_failing_postprocess_loses_nothing(tmp_path):
    def postprocess(output):
        output["cutflow"].clear()
        raise ValueError("no events pass")

    account = write(everything(), tmp_path, postprocess=postprocess)
    assert account.failures == {"postprocess": "postprocess: ValueError: no events pass"}
    assert json.loads((tmp_path / "cutflow.json").read_text())["cutflow"]["tt"]["events"] == 3
    assert coffea.util.load(tmp_path / "output.coffea")["cutflow"] == everything()["cutflow"]


def test_unwritable_folders_are_refused_beforehand(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="choose another output folder"):
        prepare_folder(tmp_path / "file" / "output")
    prepare_folder(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_reading_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot read histograms from"):
        read_histograms(tmp_path / "none.zip")


def test_an_empty_histogram_is_named_once(tmp_path, nano):
    code = """
import hist
from coffea.processor import ProcessorABC
class Empty(ProcessorABC):
    def process(self, events):
        axis = hist.axis.StrCategory(["a", "b"], name="truth")
        return {"empty": hist.Hist(axis, hist.axis.Regular(3, 0, 1, name="x"), storage=hist.storage.Weight())}
    def postprocess(self, accumulator): ...
"""
    (tmp_path / "empty.py").write_text(code)
    result = coffea_fm.run(tmp_path / "empty.py", nano, tmp_path / "out", quiet=True)
    assert list(result.not_written) == ["empty in histograms.root"]
