from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coffea_fm.analysis.fileset import simulated_fileset
from coffea_fm.cli import main
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.running.sources import read_fileset
from coffea_fm.shipped import shipped
from coffea_fm.simulation.hh4b.normalisation import normalisation

SAMPLES = shipped("samples", "hh4b")


def test_backgrounds_have_their_cross_section_and_signals_the_given_one():
    found = simulated_fileset(SAMPLES, signal_cross_section=0.02)
    assert set(found) == {"Hjets", "QCD", "QCDbb", "TT", "X1000", "Zjets"}
    tops = normalisation(found["TT"]["files"])
    assert found["TT"]["metadata"]["pb_per_weight"] == pytest.approx(tops.pb_per_weight)
    signal = found["X1000"]["metadata"]
    assert signal["pb_per_weight"] * normalisation(found["X1000"]["files"]).sum_of_weights == pytest.approx(0.02)
    assert signal["signal"]
    assert not found["TT"]["metadata"]["signal"]


def test_overlapping_multijet_is_dropped_only_beside_the_enriched_sample():
    both = simulated_fileset(SAMPLES, signal_cross_section=1)
    assert both["QCD"]["metadata"]["drop_two_b"]
    assert not both["QCDbb"]["metadata"]["drop_two_b"]
    assert {both[name]["metadata"]["process"] for name in ("QCD", "QCDbb")} == {"multijet"}
    alone = simulated_fileset(SAMPLES, signal_cross_section=1, processes=["QCD", "TT"])
    assert not alone["QCD"]["metadata"]["drop_two_b"]


def test_folders_and_processes_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="has no files of 'coffea-fm simulate hh4b'"):
        simulated_fileset(tmp_path, signal_cross_section=1)
    with pytest.raises(RecipeError, match="no events of 'X600': it has Hjets"):
        simulated_fileset(SAMPLES, signal_cross_section=1, processes=["X600"])


def test_the_command_writes_what_run_reads(tmp_path):
    output = tmp_path / "hh4b.json"
    options = ["--shifted", str(SAMPLES), "--pseudo-data", str(SAMPLES), "--pseudo-data-processes", "QCD,TT", "--json"]
    result = CliRunner().invoke(main, ["fileset", str(SAMPLES), "-o", str(output), *options])
    assert result.exit_code == 0, result.output
    content = json.loads(output.read_text())
    assert content == json.loads(result.stdout)
    fileset = read_fileset([str(output)])
    assert len(fileset) == 6 + 6 + 2
    assert fileset["tune_TT"].metadata["variation"] == "tune"
    assert fileset["pseudo-data_TT"].metadata["kind"] == "pseudo-data"
    assert all(Path(file).exists() for dataset in fileset.values() for file in dataset.files)
