from __future__ import annotations

import json
from pathlib import Path

import pytest

from coffea_fm.errors import RecipeError
from coffea_fm.running.fileset import Dataset, file_format
from coffea_fm.running.sources import read_fileset


def write(path: Path, content: object) -> list[str]:
    path.write_text(json.dumps(content))
    return [str(path)]


def test_a_list_of_files_counts_from_the_folder_of_the_json(tmp_path):
    fileset = read_fileset(write(tmp_path / "f.json", {"tt": ["a.root", "/b.root", "root://host//c.root"]}))
    files = {str(tmp_path / "a.root"): "Events", "/b.root": "Events", "root://host//c.root": "Events"}
    assert fileset == {"tt": Dataset(files)}


def test_tree_names_and_metadata(tmp_path):
    content = {
        "one": {"files": ["/a.root"], "treename": "Delphes", "metadata": {"xsec": 3.5}},
        "each": {"files": {"/a.root": "tree", "/b.root": None}},
        "preprocessed": {"files": {"/c.root": {"object_path": "Physics", "steps": [[0, 10]]}}},
    }
    fileset = read_fileset(write(tmp_path / "f.json", content), treename="Other")
    assert fileset["one"] == Dataset({"/a.root": "Delphes"}, {"xsec": 3.5})
    assert fileset["each"].files == {"/a.root": "tree", "/b.root": "Other"}
    assert fileset["preprocessed"].files == {"/c.root": "Physics"}


def test_patterns_are_expanded_in_order(tmp_path):
    for name in ("b.root", "a.root", "c.txt"):
        (tmp_path / name).touch()
    fileset = read_fileset(write(tmp_path / "f.json", {"tt": ["*.root"]}))
    assert list(fileset["tt"].files) == [str(tmp_path / "a.root"), str(tmp_path / "b.root")]


def test_files_of_the_command_line_are_a_dataset_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fileset = read_fileset(["tt.root", "root://host//data/qcd.v2.root"])
    assert fileset == {
        "tt": Dataset({str(tmp_path / "tt.root"): "Events"}),
        "qcd": Dataset({"root://host//data/qcd.v2.root": "Events"}),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "is not a fileset"),
        ({}, "is not a fileset"),
        ({"tt": "a.root"}, "dataset 'tt' must give a list of files"),
        ({"tt": []}, "dataset 'tt' must give a list of files"),
        ({"tt": {"file": ["a.root"]}}, "dataset 'tt' has no 'files'"),
        ({"tt": [3]}, "not a string: 3"),
        ({"tt": ["a.root", "./a.root", "b/../a.root"]}, "twice"),
        ({"tt": ["nothing-*.root"]}, "no file matches"),
        ({"tt": {"files": ["a.root"], "metadata": {"dataset": "x"}}}, "'dataset', which coffea itself sets"),
    ],
)
def test_what_is_not_a_fileset_is_refused(tmp_path, content, message):
    with pytest.raises(RecipeError, match=message):
        read_fileset(write(tmp_path / "f.json", content))


def test_absent_and_malformed_json(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read the fileset .*none\.json"):
        read_fileset([str(tmp_path / "none.json")])
    (tmp_path / "f.json").write_text("{")
    with pytest.raises(RecipeError, match="not valid JSON"):
        read_fileset([str(tmp_path / "f.json")])


def test_the_format_is_that_of_all_files():
    assert file_format({"a": Dataset({"a.root": ""})}) == "root"
    assert file_format({"a": Dataset({"a.parquet": ""})}) == "parquet"
    with pytest.raises(RecipeError, match="mixes"):
        file_format({"a": Dataset({"a.parquet": "", "a.root": ""})})
