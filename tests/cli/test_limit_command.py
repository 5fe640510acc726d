from __future__ import annotations

import json

import hist
import pytest
from typer.testing import CliRunner

from coffea_fm.analysis.histogram_files import write_histograms
from coffea_fm.cli import main


def limit(*arguments: object):
    return CliRunner().invoke(main, ["limit", *map(str, arguments)])


def test_missing_inputs_give_one_sentence(tmp_path):
    result = limit(tmp_path, "-s", "X1000", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "which coffea-fm run writes: No such file or directory" in result.output
    write_histograms(tmp_path / "histograms.zip", {})
    result = limit(tmp_path, "-s", "X1000", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "has no histogram 'boosted/discriminant'" in result.output
    result = limit(tmp_path, "-s", "X1000", "-o", tmp_path / "out", "--settings", "hh4b_limits")
    assert result.exit_code == 1
    assert "no 'hh4b_limits.yaml' among the shipped processors" in result.output


@pytest.mark.parametrize("luminosity", [[], [1.0, 2.0]])
def test_runs_of_several_luminosities_are_not_fitted(tmp_path, luminosity):
    settings = tmp_path / "fit.yaml"
    plane = {"histogram": "m", "C": "c", "D": "d", "categories": {"a": {"A": "a", "B": "b"}}}
    settings.write_text(json.dumps({"multijet": "q", "backgrounds": {}, "planes": {"p": plane}}))
    write_histograms(tmp_path / "histograms.zip", {"m": hist.Hist.new.Reg(2, 0, 1, name="value").Weight()})
    (tmp_path / "cutflow.json").write_text(json.dumps({"luminosity": luminosity, "cross_section": {}}))
    result = limit(tmp_path, "-s", "X", "-o", tmp_path / "out", "--settings", settings)
    assert result.exit_code == 1
    assert "fb^-1 instead of one" in result.output
