from __future__ import annotations

from pathlib import Path

import hist
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st
from strange_names import TEXT, ZOO

from coffea_fm.analysis.histogram_files import read_histograms, write_histograms
from coffea_fm.names import FILE, KEY, nearest, safe_name, safe_path


@pytest.mark.parametrize("forbidden", [FILE, KEY])
@given(names=st.lists(TEXT, unique=True, max_size=20))
def test_no_two_names_become_one(forbidden, names):
    safe = [safe_name(name, forbidden) for name in names]
    assert len(set(safe)) == len(names)
    for name in safe:
        assert 0 < len(name.encode()) <= 120
        assert not set(name) & set(forbidden)
        assert name.isprintable()
        assert not name.startswith((".", "-"))


@pytest.mark.parametrize(
    "name", ["tt", "TTToHadronic_13TeV-powheg", "pT 200 to 400", "Zürich", "数据", "a.b", "x_{jj}"]
)
def test_ordinary_names_stay_as_they_are(name):
    assert safe_name(name) == name


def test_they_are_names_of_files(tmp_path: Path):
    for name in ZOO:
        (tmp_path / safe_name(name)).write_text(name, encoding="utf-8", newline="")
    assert {path.read_bytes().decode() for path in tmp_path.iterdir()} == set(ZOO)
    assert safe_path("a/b:c") == f"a/{safe_name('b:c')}"


def test_they_are_names_in_root_and_zip_files(tmp_path: Path):
    made = {safe_name(name, KEY): hist.Hist.new.Reg(1, 0, 1).Double().fill([0.5] * n) for n, name in enumerate(ZOO)}
    with uproot.recreate(tmp_path / "x.root") as file:
        for name, histogram in made.items():
            file[f"folder/{name}"] = histogram
    with uproot.open(tmp_path / "x.root") as file:
        assert set(file["folder"].keys(cycle=False)) == set(made)
        assert all(file[f"folder/{name}"].values()[0] == histogram.sum() for name, histogram in made.items())
    write_histograms(tmp_path / "x.zip", made)
    assert read_histograms(tmp_path / "x.zip") == made


def test_the_nearest_name():
    assert nearest("tret", ["tree", "file"]) == "did you mean 'tree'?"
    assert nearest("xxx", ["tree", "file"]) == "choose one of tree, file"
    assert nearest("xxx", [], "it has") == "it has none"
    assert nearest("tree", ["tree", "free"]) == "did you mean 'free'?"
    assert nearest("tree", ["tree"]) == "choose one of tree"
