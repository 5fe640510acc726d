"""The data stage of ``make benchmark-pretraining``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from coffea_fm.shards import ShardDataset

FOLDER = Path(__file__).parents[2] / "benchmarks" / "pretraining"


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    specification = importlib.util.spec_from_file_location("benchmark_data", FOLDER / "data.py")
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "benchmark_data", module)
    specification.loader.exec_module(module)
    return module


def test_jets_of_the_other_simulation_are_collected(data, shared_data, tmp_path, monkeypatch):
    (tmp_path / "jets").mkdir()
    for name in ("train_QCD_0.root", "train_Hbb_0.root"):
        (tmp_path / "jets" / name).symlink_to(shared_data / "jets" / name)
    monkeypatch.setattr(data, "SHARED", tmp_path / "jets")
    data.prepare_other_simulation(tmp_path / "shards")
    shards = ShardDataset(tmp_path / "shards")
    assert shards.n_sets > 100
    assert {shards.classes[index] for index in set(shards.scalars("target")["target"])} == {"QCD", "Hbb"}


def test_without_them_it_is_said(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "SHARED", tmp_path / "none")
    data.prepare_other_simulation(tmp_path / "shards")
    assert "the tables have no column for them" in capsys.readouterr().out
    assert not (tmp_path / "shards").exists()
