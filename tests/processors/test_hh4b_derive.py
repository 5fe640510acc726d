from __future__ import annotations

import subprocess
import sys

import awkward as ak
import numpy as np
import pytest

import coffea_fm
from coffea_fm.analysis.corrections import Corrections
from coffea_fm.shipped import shipped


@pytest.fixture
def signal(tmp_path):
    """A folder with events of one signal."""
    folder = tmp_path / "signal"
    folder.mkdir()
    for file in shipped("samples", "hh4b").glob("X1000_*.root"):
        (folder / file.name).symlink_to(file)
    return folder


def derive(*arguments):
    command = [sys.executable, "-W", "ignore", "-m", "hh4b.derive", *map(str, arguments)]
    return subprocess.run(command, cwd=shipped("processors"), capture_output=True, text=True, check=False)


def test_a_sample_that_is_its_own_data_needs_no_scale_factor(signal, jets_bundle, tmp_path, hh4b):
    output = tmp_path / "corrections.json"
    done = derive(signal, signal, "--jets", jets_bundle, "--output", output, "--txbb", 0.6, 0.9)
    assert done.stdout == f"wrote 9 corrections to {output}\n", done.stderr
    corrections, tagger = Corrections.read(output), coffea_fm.load(jets_bundle)
    jets = ak.Array({"pt": [450.0, 450.0, 450.0]})
    factors = tagger.scale_factors(jets, corrections, discriminant=ak.Array([0.3, 0.7, 0.95]))
    np.testing.assert_allclose(factors.nominal, 1)
    assert factors.up[0] < 1 < factors.up[1]
    assert hh4b(corrections=str(output), first_txbb=0.6, txbb=[0.6, 0.9]).corrections.source == str(output)


def test_a_folder_without_events_is_one_sentence(jets_bundle, tmp_path):
    done = derive(tmp_path, tmp_path, "--jets", jets_bundle, "--output", tmp_path / "corrections.json")
    assert done.returncode == 1
    assert done.stderr == (
        f"hh4b.derive: {tmp_path} has no FatJet with truth: use events of 'coffea-fm simulate hh4b'\n"
    )
    assert not list(tmp_path.iterdir())
