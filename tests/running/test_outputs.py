from __future__ import annotations

import json

import hist
import numpy as np
import pytest
import uproot

from coffea_fm.errors import InputError
from coffea_fm.running.accumulated import counts, histograms
from coffea_fm.running.outputs import prepare_folder, read_histograms, write_outputs
from coffea_fm.running.run import RunResult


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


def result() -> RunResult:
    four = hist.Hist(*(hist.axis.Regular(2, 0, 1) for _ in range(4)))
    output = {
        "spectra": {"x": spectrum()},
        "four": four,
        "plain": hist.Hist(hist.axis.Regular(2, 0, 1)).fill([0.2]),
        "cutflow": {"tt": {"events": np.int64(3), "weight": np.float32(0.5)}},
        "bundle": {"abc"},
        "array": np.zeros(3),
    }
    return RunResult(output, {"tt": 3}, 1.5, 1, 1, skipped={"x.root": "cannot read x.root"})


def test_histograms_and_counts_are_taken_apart():
    output = result().output
    assert list(histograms(output)) == ["spectra/x", "four", "plain"]
    assert counts(output) == {"cutflow": {"tt": {"events": 3, "weight": 0.5}}, "bundle": ["abc"]}
    assert list(histograms(spectrum())) == ["output"]


def test_hist_reads_back_exactly_what_was_filled(tmp_path):
    write_outputs(result(), tmp_path)
    back = read_histograms(tmp_path / "histograms.zip")
    assert back == histograms(result().output)
    assert back["spectra/x"].axes["x"].label == "$x$ [GeV]"


def test_root_holds_one_histogram_for_each_combination_with_entries(tmp_path):
    write_outputs(result(), tmp_path)
    with uproot.open(tmp_path / "histograms.root") as file:
        names = set(file.keys(cycle=False, filter_classname="TH1*"))
        assert names == {"spectra/x/tt_2024/5", "spectra/x/qcd/21", "plain"}
        stored = file["spectra/x/tt_2024/5"]
        assert stored.values(flow=True) == pytest.approx([0, 1, 2, 0, 0, 3])
        assert stored.variances(flow=True) == pytest.approx([0, 1, 4, 0, 0, 9])


def test_the_account_names_everything_written_and_skipped(tmp_path):
    account = write_outputs(result(), tmp_path)
    assert account == json.loads((tmp_path / "summary.json").read_text())
    assert account["events_per_second"] == 2.0
    assert account["skipped"] == {"x.root": "cannot read x.root"}
    written = account["written"]
    assert written["not_in_root"] == ["four"]
    figures = ("spectra_x_by_dataset", "spectra_x_by_flavour", "plain_by_all")
    named = {f"{name}.{ending}" for name in figures for ending in ("png", "pdf")}
    assert {path.rpartition("/")[2] for path in written["plots"]} == named
    assert list(written["not_drawn"]) == ["four"]
    named = {*written["plots"], *written["histograms"], written["counts"], str(tmp_path / "summary.json")}
    assert {str(path) for path in tmp_path.rglob("*") if path.is_file()} == named


def test_a_failed_write_leaves_the_files_of_before(tmp_path, monkeypatch):
    write_outputs(result(), tmp_path, plots=False)
    before = (tmp_path / "histograms.zip").read_bytes()
    monkeypatch.setattr("uhi.io.zip.write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_outputs(result(), tmp_path, plots=False)
    assert (tmp_path / "histograms.zip").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_unwritable_folders_are_refused_beforehand(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="choose another output folder"):
        prepare_folder(tmp_path / "file" / "output")
    prepare_folder(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_reading_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot read histograms from"):
        read_histograms(tmp_path / "none.zip")
