"""Filesets from folders, patterns, and lists as DAS and Rucio print them."""

from __future__ import annotations

import json
import shutil

import coffea.nanoevents
import pytest
from made import make_nano
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.cli import main
from coffea_fm.errors import RecipeError
from coffea_fm.running.fileset import parse_fileset
from coffea_fm.running.grid import grid_files
from coffea_fm.running.listing import list_files
from coffea_fm.shipped import shipped

CMS = "root://cms-xrd-global.cern.ch/"
FIRST, SECOND = "/store/mc/Run3/NANOAODSIM/one.root", "/store/mc/Run3/NANOAODSIM/two.root"
URLS = [f"{CMS.rstrip('/')}/{name}" for name in (FIRST, SECOND)]

DAS = f"{FIRST}\n{SECOND}\n"
DAS_JSON = json.dumps([{"das": {"expire": 1}, "file": [{"name": name, "nevents": 7}]} for name in (FIRST, SECOND)])
RUCIO_FILES = f"""\
+------------+--------+-------------+------------+----------+
| SCOPE:NAME | GUID   | ADLER32     | FILESIZE   |   EVENTS |
|------------+--------+-------------+------------+----------|
| cms:{FIRST} | ABC | ad:12345678 | 3.210 GB | 100 |
| cms:{SECOND} | ABD | ad:12345679 | 3.210 GB | |
+------------+--------+-------------+------------+----------+
Total files : 2
Total size : 6.420 GB
"""
RUCIO_REPLICAS = f"""\
+---------+---------+------------+-----------+----------------+
| SCOPE   | NAME    | FILESIZE   | ADLER32   | RSE: REPLICA   |
|---------+---------+------------+-----------+----------------|
| cms     | {FIRST} | 3.210 GB   | 12345678  | T2_CH_CERN: root://eoscms.cern.ch:1094//eos/cms{FIRST} |
|         |         |            |           | T2_DE_DESY: root://dcache.desy.de:1094//pnfs{FIRST} |
| cms     | {SECOND} | 3.210 GB  | 12345679  | T2_DE_DESY: root://dcache.desy.de:1094//pnfs{SECOND} |
+---------+---------+------------+-----------+----------------+
"""
RUCIO_CSV = f"cms:{FIRST},ABC,ad:12345678,3.2GB,100\ncms:{SECOND},ABD,ad:12345679,3.2GB,50\n"


@pytest.mark.parametrize("text", [DAS, DAS_JSON, RUCIO_FILES, RUCIO_REPLICAS, RUCIO_CSV])
def test_lists_of_the_grid_get_the_redirector(text):
    assert grid_files(text, CMS) == URLS


def test_the_first_replica_is_taken_without_a_redirector():
    assert grid_files(RUCIO_REPLICAS) == [
        f"root://eoscms.cern.ch:1094//eos/cms{FIRST}",
        f"root://dcache.desy.de:1094//pnfs{SECOND}",
    ]


def test_names_of_atlas_keep_their_scope():
    name = "mc20_13TeV:DAOD_PHYSLITE.37110937._000001.pool.root.1"
    assert grid_files(f"{name}\n", "root://host.cern.ch//atlas/rucio") == [f"root://host.cern.ch//atlas/rucio/{name}"]


def test_a_list_of_das_is_a_dataset_named_after_it(tmp_path):
    (tmp_path / "ttbar.txt").write_text(DAS)
    command = ["fileset", str(tmp_path / "ttbar.txt"), "--redirector", CMS, "-o", str(tmp_path / "o.json")]
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stdout) == (0, f"wrote {tmp_path / 'o.json'}: 1 datasets with 2 files\n")
    content = json.loads((tmp_path / "o.json").read_text())
    assert content == {"ttbar": {"files": dict.fromkeys(URLS, "Events"), "metadata": {}}}
    assert parse_fileset(content, folder=tmp_path, treename="", where="here")["ttbar"].files == dict.fromkeys(
        URLS, "Events"
    )


@pytest.mark.parametrize("text", [DAS, RUCIO_FILES, "mc20_13TeV:DAOD.1._01.pool.root.1\n| mc20:a.root | x |\n"])
def test_names_of_the_grid_need_a_redirector(tmp_path, text):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(RecipeError, match="give --redirector"):
        list_files([str(tmp_path / "list.txt")])


def test_a_redirector_is_a_url(tmp_path):
    with pytest.raises(RecipeError, match=r"'xrootd-cms.infn.it' is no URL: give e.g. root://xrootd-cms.infn.it/"):
        list_files([str(tmp_path)], redirector="xrootd-cms.infn.it")


def test_a_file_that_a_list_repeats_is_refused(tmp_path):
    (tmp_path / "list.txt").write_text(DAS + DAS)
    with pytest.raises(RecipeError, match=r"names root://cms-xrd-global.cern.ch//store.*twice"):
        list_files([str(tmp_path / "list.txt")], redirector=CMS)


def test_folders_patterns_and_lists_are_named_or_joined(tmp_path):
    for name in ("a/one.root", "a/two.root", "b/three.root"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "list.txt").write_text("b/three.root\n")
    where = [str(tmp_path / name) for name in ("a", "list.txt")]
    listed = list_files(where, treename="T")
    assert {name: list(dataset.files) for name, dataset in listed.items()} == {
        "a": [str(tmp_path / "a" / name) for name in ("one.root", "two.root")],
        "list": [str(tmp_path / "b" / "three.root")],
    }
    assert set(listed["a"].files.values()) == {"T"}
    joined = list_files([f"top={tmp_path}/a/*.root", f"top={tmp_path}/list.txt"])
    assert {name: len(dataset.files) for name, dataset in joined.items()} == {"top": 3}
    with pytest.raises(RecipeError, match="twice"):
        list_files([f"top={tmp_path}/a", f"more={tmp_path}/a/*.root"])


def test_steps_of_a_fileset_are_kept(tmp_path):
    (tmp_path / "f.json").write_text(json.dumps({"d": {"files": {"x.root": {"object_path": "T", "steps": [[0, 5]]}}}}))
    CliRunner().invoke(main, ["fileset", str(tmp_path / "f.json"), "-o", str(tmp_path / "o.json")])
    content = json.loads((tmp_path / "o.json").read_text())
    assert content["d"]["files"] == {str(tmp_path / "x.root"): {"object_path": "T", "steps": [[0, 5]]}}


def test_preload_names_what_the_tagger_reads_and_a_run_reads_it_at_once(tmp_path, monkeypatch):
    sample = tmp_path / "some" / "sample.root"
    sample.parent.mkdir()
    shutil.copy(min(shipped("samples").glob("*.root")), sample)
    command = ["fileset", str(sample.parent), "--preload", "jet-classifier-small", "-o", str(tmp_path / "o.json")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.stderr
    preload = json.loads((tmp_path / "o.json").read_text())["some"]["preload"]
    assert {"FatJet_pt", "PFCands_d0"} <= set(preload)

    seen = []
    original = coffea.nanoevents.NanoEventsFactory.from_root.__func__

    def from_root(cls, *args, **keywords):
        seen.append(keywords.get("preload"))
        return original(cls, *args, **keywords)

    monkeypatch.setattr(coffea.nanoevents.NanoEventsFactory, "from_root", classmethod(from_root))
    options = {"bundle": "jet-classifier-small"}
    with_it = coffea_fm.run("tag_jets", tmp_path / "o.json", options=options, plots=False, quiet=True)
    without = coffea_fm.run("tag_jets", sample.parent, options=options, plots=False, quiet=True)
    assert seen[-2:] == [frozenset(preload), None]
    assert with_it.output["cutflow"] == without.output["cutflow"]
    assert not any("preload" in note for note in with_it.notes)


def test_a_preload_that_is_no_list_is_refused(tmp_path):
    content = {"d": {"files": ["x.root"], "preload": "FatJet_pt"}}
    with pytest.raises(RecipeError, match="'preload' that is not a list of names of branches"):
        parse_fileset(content, folder=tmp_path, treename="Events", where="here")


def test_preload_of_a_collection_that_is_not_there_is_one_sentence(tmp_path):
    make_nano(tmp_path / "nano.root", 5)
    command = ["fileset", str(tmp_path / "nano.root"), "--preload", "jet-classifier-small", "-o", str(tmp_path / "o")]
    result = CliRunner().invoke(main, [*command, "--collection", "Jets"])
    assert (result.exit_code, "has no collection 'Jets': give --collection" in result.stderr) == (1, True)
