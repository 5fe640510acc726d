from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import awkward as ak
import pytest
import uproot

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.simulation.production import SETTINGS_FILE, SimulationSettings, produce

SMALL = SimulationSettings(jets_per_file=6, seed=3)
COMMAND = [sys.executable, "-c", "from coffea_fm.cli import main; main()", "simulate", "jets"]


def contents(path: Path) -> ak.Array:
    with uproot.open(path) as file:
        return file["Events"].arrays()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    produce(folder, SMALL, ("Hcc", "Wqq"), jets_per_class=12, workers=2)
    return folder


def test_files_hold_the_jets_asked_for(sample: Path) -> None:
    assert sorted(path.name for path in sample.iterdir()) == [
        "Hcc_0000.root", "Hcc_0001.root", "Wqq_0000.root", "Wqq_0001.root", SETTINGS_FILE,
    ]  # fmt: skip
    jets = [contents(path)["FatJet_label"] for path in sorted(sample.glob("*.root"))]
    assert [ak.count(label) for label in jets] == [6] * 4
    assert [set(ak.flatten(label)) for label in jets] == [{2}, {2}, {7}, {7}]


def test_content_does_not_depend_on_the_workers(sample: Path, tmp_path: Path) -> None:
    produce(tmp_path, SMALL, ("Wqq",), jets_per_class=12, workers=1)
    for name in ("Wqq_0000.root", "Wqq_0001.root"):
        assert ak.array_equal(contents(tmp_path / name), contents(sample / name))
    assert not ak.array_equal(contents(sample / "Wqq_0000.root"), contents(sample / "Wqq_0001.root"))


def test_complete_files_are_kept(sample: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in sample.iterdir()}
    assert produce(sample, SMALL, ("Hcc", "Wqq"), jets_per_class=12, workers=1) == []
    assert {path: path.stat().st_mtime_ns for path in sample.iterdir()} == before


def test_missing_files_are_made_again_the_same(sample: Path) -> None:
    lost = sample / "Hcc_0001.root"
    expected = contents(lost)
    lost.unlink()
    assert produce(sample, SMALL, ("Hcc", "Wqq"), jets_per_class=7, workers=1) == [lost]
    assert ak.array_equal(contents(lost), expected)


def test_other_settings_are_refused(sample: Path) -> None:
    with pytest.raises(RecipeError, match=r"seed = 3, not 4"):
        produce(sample, SimulationSettings(jets_per_file=6, seed=4), ("Hcc",), 8, 1)


def test_damaged_settings_and_unwritable_output_are_named(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text("{")
    with pytest.raises(RecipeError, match="damaged"):
        produce(tmp_path, SMALL, ("Hcc",), 6, 1)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="another output folder"):
        produce(tmp_path / "file", SMALL, ("Hcc",), 6, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pt_range": (1000.0, 500.0)}, "1000 to 500 GeV"),
        ({"pt_range": (5.0, 500.0)}, "50 to 4000"),
        ({"jets_per_file": 0}, "0 jets"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_impossible_settings(options: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        SimulationSettings(**options)  # type: ignore[arg-type]


def test_unknown_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="'Hxx'"):
        produce(tmp_path, SMALL, ("Hxx",), 8, 1)
    assert not list(tmp_path.iterdir())


def test_interrupt_leaves_only_complete_files(tmp_path: Path) -> None:
    options = ["--jets-per-class", "4000", "--jets-per-file", "20", "--classes", "Wqq", "--workers", "1", "--seed", "1"]
    process = subprocess.Popen([*COMMAND, str(tmp_path), *options], start_new_session=True, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.root")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"Traceback" not in stderr
    files = sorted(tmp_path.iterdir())
    assert files[-1].name == SETTINGS_FILE
    assert [ak.count(contents(path)["FatJet_pt"]) for path in files[:-1]] == [20] * (len(files) - 1)


def test_command(tmp_path: Path) -> None:
    options = ["--jets-per-class", "5", "--jets-per-file", "5", "--classes", "Tbl", "--pt", "300", "900", "--seed", "2"]
    done = subprocess.run(
        [*COMMAND, str(tmp_path), *options, "--layout", "jetclass", "--spectrum", "flat"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "wrote 1 file" in done.stdout
    assert json.loads((tmp_path / SETTINGS_FILE).read_text())["pt_range"] == [300, 900]
    jets = uproot.open(tmp_path / "Tbl_0000.root")["tree"].arrays()
    assert len(jets) == 5
    assert ak.all(jets.label_Tbl)
    again = subprocess.run([*COMMAND, str(tmp_path), *options], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert "choose another folder" in again.stderr
