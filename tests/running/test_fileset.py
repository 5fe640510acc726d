from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from coffea.dataset_tools import DataGroupSpec

from coffea_fm.errors import RecipeError
from coffea_fm.running.fileset import Dataset, file_format
from coffea_fm.running.sources import as_fileset, read_fileset


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
    assert fileset["preprocessed"] == Dataset({"/c.root": "Physics"}, steps={"/c.root": ((0, 10),)})


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
        "qcd.v2": Dataset({"root://host//data/qcd.v2.root": "Events"}),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "is not a fileset"),
        ({}, "is not a fileset"),
        ({"tt": "a.root"}, "dataset 'tt' must be a list of files"),
        ({"tt": []}, "dataset 'tt' must be a list of files"),
        ({"tt": {"file": ["a.root"]}}, "dataset 'tt' has no 'files'"),
        ({"tt": [3]}, "not a string: 3"),
        ({"tt": ["a.root", "./a.root", "b/../a.root"]}, "twice"),
        ({"tt": ["nothing-*.root"]}, "no file matches"),
        ({"tt": {"files": ["a.root"], "metadata": {"dataset": "x"}}}, "'dataset', which coffea itself sets"),
        ({"tt": {"file": ["a.root"]}}, "did you mean 'file'"),
        ({"tt": ["a.root"], "qcd": ["b/../a.root"]}, "names a file twice, as .*'tt' and as .*'qcd'"),
        ({"tt": ["a.root", "file:///FOLDER/a.root"]}, "twice"),
        ({"tt": ["root://Host//a.root", "root://host/b/../a.root"]}, "twice"),
        ({" ": ["a.root"]}, "a dataset named ' '"),
        ({"a\nb": ["a.root"]}, "a dataset named"),
        ({"tt": {"files": {"a.root": {"steps": [[0, 10], [5, 20]]}}}}, "steps that overlap"),
        ({"tt": {"files": {"a.root": {"steps": [3]}}}}, "not pairs of entries"),
    ],
)
def test_what_is_not_a_fileset_is_refused(tmp_path, content, message):
    content = json.loads(json.dumps(content).replace("/FOLDER", str(tmp_path)))
    with pytest.raises(RecipeError, match=message):
        read_fileset(write(tmp_path / "f.json", content))


def test_absent_and_malformed_json(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read the fileset .*none\.json"):
        read_fileset([str(tmp_path / "none.json")])
    (tmp_path / "f.json").write_text("{")
    with pytest.raises(RecipeError, match="it is not JSON"):
        read_fileset([str(tmp_path / "f.json")])


def test_the_format_is_that_of_all_files():
    assert file_format({"a": Dataset({"a.root": ""})}) == "root"
    assert file_format({"a": Dataset({"a.parquet": ""})}) == "parquet"
    with pytest.raises(RecipeError, match="mixes"):
        file_format({"a": Dataset({"a.parquet": "", "a.root": ""})})


def test_files_of_one_name_are_datasets_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["Hbb/nano_1.root", "QCD/nano_1.root", "DAOD.410470._1.root", "DAOD.364250._1.root", "x.root.1", "x.root.2"]
    fileset = read_fileset(names)
    assert [str(tmp_path / name) for name in names] == [file for dataset in fileset.values() for file in dataset.files]
    assert list(fileset)[:4] == ["Hbb/nano_1", "QCD/nano_1", "DAOD.410470._1", "DAOD.364250._1"]


def test_links_are_the_file_that_they_point_to(tmp_path, nano):
    (tmp_path / "link.root").symlink_to(nano)
    with pytest.raises(RecipeError, match="names a file twice"):
        read_fileset([str(nano), str(tmp_path / "link.root")])


def test_one_file_in_parts_is_no_double_count(tmp_path):
    content = {name: {"files": {"/a.root": {"steps": [steps]}}} for name, steps in (("a", [0, 10]), ("b", [10, 20]))}
    assert list(read_fileset(write(tmp_path / "f.json", content))) == ["a", "b"]


@pytest.mark.parametrize("name", ["f.root:Tree", "F?.root:Tree", "f.root:folder/Tree", "a:b.root"])
def test_spellings_that_uproot_takes(tmp_path, monkeypatch, name):
    for file in ("f.root", "F1.root", "a:b.root"):
        (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path)
    (dataset,) = read_fileset([name]).values()
    found = {"f": "f.root", "F": "F1.root", "a": "a:b.root"}[name[0]]
    assert dataset.files == {str(tmp_path / found): name.rpartition(".root:")[2] if ".root:" in name else "Events"}


def test_other_things_that_stand_for_a_fileset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tt" / "0000").mkdir(parents=True)
    (tmp_path / "none").mkdir()
    for name in ("tt/0000/b.root", "tt/a.root", "tt/notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "qcd.txt").write_text("# of 2024\nroot://host//a.root\n\ntt/x.root:tree\n")
    with gzip.open("more.json.gz", "wt") as file:
        json.dump({"data": ["/d.root"]}, file)
    fileset = read_fileset(["tt", "qcd.txt", "more.json.gz", "single.root"])
    assert {name: list(dataset.files) for name, dataset in fileset.items()} == {
        "tt": [str(tmp_path / "tt/0000/b.root"), str(tmp_path / "tt/a.root")],
        "qcd": ["root://host//a.root", str(tmp_path / "tt/x.root")],
        "data": ["/d.root"],
        "single": [str(tmp_path / "single.root")],
    }
    assert fileset["qcd"].files[str(tmp_path / "tt/x.root")] == "tree"
    with pytest.raises(RecipeError, match="has no ROOT or parquet files"):
        read_fileset(["none"])
    with pytest.raises(RecipeError, match="'tt' is given twice"):
        read_fileset(["tt", "tt.root"])


def test_what_a_fileset_says_and_nothing_reads_is_told(tmp_path):
    content = {"tt": {"files": ["/a.root"], "metdata": {"x": 1}}}
    (unread,) = read_fileset(write(tmp_path / "f.json", content))["tt"].unread
    assert "'metdata' is not read (did you mean 'metadata'?)" in unread


def test_filesets_of_a_notebook():
    """Paths in place of texts, and coffea's own type."""
    assert as_fileset({"tt": [Path("/a.root")]}) == {"tt": Dataset({"/a.root": "Events"})}
    about = {"object_path": "Events", "steps": [[0, 10]], "num_entries": 20, "uuid": "x"}
    group = DataGroupSpec({"tt": {"files": {"/a.root": about}, "metadata": {"x": 1}}})
    assert as_fileset(group) == {"tt": Dataset({"/a.root": "Events"}, {"x": 1}, {"/a.root": ((0, 10),)})}
