from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import uproot
from typer.testing import CliRunner

from coffea_fm.analysis.fileset import make_fileset, simulated_fileset
from coffea_fm.analysis.fileset_settings import read_fileset_settings
from coffea_fm.analysis.normalisation import normalisation
from coffea_fm.analysis.sample import Sample
from coffea_fm.cli import main
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.running.sources import read_fileset
from coffea_fm.shipped import shipped
from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES, SIGNALS

SAMPLES = shipped("samples", "hh4b")
SETTINGS = read_fileset_settings(shipped("processors", "hh4b/fileset.yaml"))


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """Two folders with files of their own."""
    return [Path(shutil.copytree(SAMPLES, tmp_path / name)) for name in ("shifted", "pseudo")]


def test_the_settings_know_every_process_that_is_simulated():
    assert set(SETTINGS.processes) == set(EVENT_PROCESSES)
    assert {name for name, process in SETTINGS.processes.items() if process.signal} == set(SIGNALS)
    masses = {name: process.mass for name, process in SETTINGS.processes.items() if process.mass}
    assert masses == {name: float(name[1:]) for name in SIGNALS if name != "HH"}


def test_backgrounds_have_their_cross_section_and_signals_the_given_one():
    found = simulated_fileset(SAMPLES, SETTINGS, signal_cross_section=0.02)
    assert set(found) == {"Hjets", "QCD", "QCDbb", "TT", "X1000", "Zjets"}
    tops = normalisation(found["TT"]["files"])
    top = Sample.of({"dataset": "TT", **found["TT"]["metadata"]})
    assert (top.cross_section, top.sum_of_weights) == pytest.approx((tops.cross_section, tops.sum_of_weights))
    assert top.events == 200
    assert top.events_per_weight(0.001) == pytest.approx(tops.pb_per_weight)
    signal = Sample.of({"dataset": "X1000", **found["X1000"]["metadata"]})
    assert (signal.cross_section, signal.mass) == (0.02, 1000)
    assert signal.signal
    assert not top.signal


def test_overlapping_multijet_is_dropped_only_beside_the_enriched_sample():
    both = simulated_fileset(SAMPLES, SETTINGS, signal_cross_section=1)
    assert both["QCD"]["metadata"]["drop"] == "genTwoB"
    assert "drop" not in both["QCDbb"]["metadata"]
    assert {both[name]["metadata"]["process"] for name in ("QCD", "QCDbb")} == {"multijet"}
    alone = simulated_fileset(SAMPLES, SETTINGS, signal_cross_section=1, processes=["QCD", "TT"])
    assert "drop" not in alone["QCD"]["metadata"]


def test_folders_and_processes_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"has no files PROCESS_INDEX\.root of X600, .*coffea-fm simulate hh4b"):
        simulated_fileset(tmp_path, SETTINGS, signal_cross_section=1)
    with pytest.raises(RecipeError, match="no events of 'X600': it has Hjets"):
        simulated_fileset(SAMPLES, SETTINGS, signal_cross_section=1, processes=["X600"])


def test_a_file_that_is_a_link_to_another_is_refused(tmp_path):
    for name in ("TT_0000.root", "TT_0001.root"):
        (tmp_path / name).symlink_to(SAMPLES / "TT_0000.root")
    with pytest.raises(
        RecipeError, match=r"dataset 'TT' lists the file .*TT_0000\.root twice, also as .*would be counted twice"
    ):
        simulated_fileset(tmp_path, SETTINGS, signal_cross_section=1)


def test_a_file_in_two_datasets_is_refused(copies):
    with pytest.raises(RecipeError, match=r"datasets 'Hjets' and 'tune_Hjets' list the file"):
        make_fileset(SAMPLES, SETTINGS, signal_cross_section=1, shifted=SAMPLES / ".." / "hh4b")
    assert len(make_fileset(SAMPLES, SETTINGS, signal_cross_section=1, shifted=copies[0])) == 12


def test_settings_of_other_samples(tmp_path):
    settings = tmp_path / "fileset.yaml"
    settings.write_text("processes: {ttbar: {process: TT, cross_section: 500}}")
    with uproot.recreate(tmp_path / "ttbar_7.root") as file:
        file.mktree("Events", {"genWeight": [1.0, 2.0]})
        file.mktree("Runs", {"genEventSumw": [4.0, 6.0]})
    found = simulated_fileset(tmp_path, read_fileset_settings(settings), signal_cross_section=1)
    about = {"cross_section": 500.0, "sum_of_weights": 10.0, "events": 2}
    assert found["ttbar"]["metadata"] == {"process": "TT", "kind": "simulation", "signal": False, **about}
    settings.write_text("processes: {ttbar: {proces: TT}}")
    with pytest.raises(RecipeError, match=r"unknown key 'processes\.ttbar\.proces'; did you mean 'process'"):
        read_fileset_settings(settings)


def test_the_command_writes_what_run_reads(tmp_path, copies):
    output = tmp_path / "hh4b.json"
    options = ["--shifted", str(copies[0]), "--pseudo-data", str(copies[1]), "--pseudo-data-processes", "QCD,TT"]
    result = CliRunner().invoke(main, ["fileset", str(SAMPLES), "-o", str(output), *options, "--json"])
    assert result.exit_code == 0, result.output
    content = json.loads(output.read_text())
    assert content == json.loads(result.stdout)
    fileset = read_fileset([str(output)])
    assert len(fileset) == 6 + 6 + 2
    assert fileset["tune_TT"].metadata["variation"] == "tune"
    assert fileset["pseudo-data_TT"].metadata["kind"] == "pseudo-data"
    assert all(Path(file).exists() for dataset in fileset.values() for file in dataset.files)
