"""Friend files: aligned with their input on every executor, never duplicated, refused where they would not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory
from made import expected_scores, make_bundle, make_nano
from pages import run_page
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.classes import JET_CLASSES
from coffea_fm.cli import main
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.inference.friends.metadata import read_friend_metadata
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shipped import shipped


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(make_bundle(tmp_path / "counting"))


def run(bundle, files, output, processor="friends", **settings):
    given = {"options": {"bundle": bundle}, "quiet": True, "plots": False, "chunksize": 25, **settings}
    return coffea_fm.run(processor, files, output, **given)


def read(path: Path) -> ak.Array:
    """All entries of a friend file, with one name for the numbers of both formats."""
    if path.suffix == ".parquet":
        return ak.from_parquet(path)
    with uproot.open(path) as file:
        return file["Friends"].arrays()


def check(path: Path, jets: ak.Array) -> None:
    """Against the same bundle in float64; an event without jets has empty lists."""
    found, counts = read(path), ak.num(jets)
    expected = expected_scores(ak.to_numpy(ak.flatten(jets.nConstituents)))
    assert len(found) == len(jets)
    for column, name in enumerate(JET_CLASSES):
        scores = found[f"FatJet_counting_{name}"]
        assert ak.all(ak.num(scores) == counts)
        np.testing.assert_allclose(ak.to_numpy(ak.flatten(scores)), expected[:, column], atol=1e-6)
    embedding = found["FatJet_counting_embedding" + ("_0" if path.suffix == ".root" else "")]
    numbers = ak.to_numpy(ak.flatten(embedding, axis=None))
    np.testing.assert_array_equal(
        numbers, np.where(np.isnan(expected[:, 0]), np.nan, ak.to_numpy(ak.flatten(jets.nConstituents)))
    )


@pytest.mark.parametrize("settings", [{"workers": 2}, {"cluster": "local"}], ids=str)
def test_one_file_an_input_file_aligned_with_it(bundle, tmp_path, shared_data, settings):
    jets = {name: make_nano(tmp_path / f"{name}.root", n, seed=n) for name, n in (("a", 200), ("b", 30))}
    empty = shared_data / "real" / "nano_dy_empty.root"
    result = run(bundle, [tmp_path / "a.root", tmp_path / "b.root", empty], tmp_path / "out", chunksize=70, **settings)
    folder = tmp_path / "out" / "friends"
    assert (result.failures, result.not_written) == ({}, {})
    assert sorted(result.written["friends"]) == sorted(
        str(folder / name / f"{name}{suffix}") for name in ("a", "b", empty.stem) for suffix in (".root", ".parquet")
    )
    for name, of_file in jets.items():
        for suffix in (".root", ".parquet"):
            check(folder / name / f"{name}{suffix}", of_file)
    assert len(read(folder / empty.stem / f"{empty.stem}.root")) == 0
    lost = sum(int(ak.sum(part.nConstituents == 0)) for part in jets.values())
    total = sum(int(ak.sum(ak.num(part))) for part in jets.values())
    assert lost
    assert f"friends for {total} jets (FatJet_counting): {lost} without_constituents" in result.notes
    metadata = read_friend_metadata(folder / "a" / "a.root")
    assert metadata == read_friend_metadata(folder / "a" / "a.parquet")
    with uproot.open(tmp_path / "a.root") as file:
        assert (metadata.source.uuid, metadata.source.entries) == (str(file.file.uuid), 200)
    assert metadata.models[0].checksum == coffea_fm.load(bundle).checksum
    assert not (folder / ".parts").exists()


def test_chunks_that_are_run_again_replace_their_parts(bundle, nano, tmp_path):
    """Other sizes of chunks, a run that went on from checkpoints, and parts that are gone."""
    jets = uproot.open(nano)["Events"].arrays(["FatJet_nConstituents"])
    jets = ak.zip({"nConstituents": jets.FatJet_nConstituents})
    for settings in ({"chunksize": 60}, {"chunksize": 7}, *2 * [{"checkpoints": tmp_path / "kept"}]):
        assert not run(bundle, nano, tmp_path / "out", **settings).not_written
        check(tmp_path / "out" / "friends" / "nano" / "nano.root", jets)
    shutil.rmtree(tmp_path / "out" / "friends" / ".parts")
    assert not run(bundle, nano, tmp_path / "out", checkpoints=tmp_path / "kept").not_written
    check(tmp_path / "out" / "friends" / "nano" / "nano.root", jets)


def test_a_file_with_a_skipped_range_has_no_friend_and_is_named(bundle, nano, tmp_path):
    fileset = {"nano": {"files": {str(nano): {"object_path": "Events", "steps": [[0, 20], [30, 60]]}}}}
    make_nano(tmp_path / "b.root", 10)
    fileset["b"] = {"files": {str(tmp_path / "b.root"): "Events"}}
    result = run(bundle, fileset, tmp_path / "out")
    assert result.not_written == {f"friend of {nano}": f"no friend of {nano}: its entries 20 to 30 were not processed"}
    assert {Path(path).stem for path in result.written["friends"]} == {"b"}


def test_files_of_one_name_have_friends_of_their_own(bundle, tmp_path):
    for index, folder in enumerate("xy"):
        (tmp_path / folder).mkdir()
        make_nano(tmp_path / folder / "nano.root", 10 + index, seed=index)
    files = [str(tmp_path / folder / "nano.root") for folder in "xy"]
    result = run(bundle, {"tt: a/b": files}, tmp_path / "out")
    written = {read_friend_metadata(path).source.file: path for path in result.written["friends"]}
    assert set(written) == set(files)
    for index, file in enumerate(files):
        metadata = {"dataset": "tt: a/b", "filename": file}
        events = NanoEventsFactory.from_root({file: "Events"}, schemaclass=PFNanoAODSchema, metadata=metadata).events()
        opened = coffea_fm.with_friend(events, tmp_path / "out" / "friends")
        assert len(opened) == 10 + index
        assert "counting_embedding" in opened.FatJet.fields


def test_stored_embeddings_score_as_constituents_do_which_are_not_read(tmp_path, monkeypatch):
    """The commands of docs/how-to/friends.md."""
    (tmp_path / "samples").symlink_to(shipped("samples"))
    monkeypatch.chdir(tmp_path)
    accounts = run_page("friends.md", "--no-plots")
    assert accounts[-1]["columns"] == ["FatJet_pt", "nFatJet"]
    events = NanoEventsFactory.from_root({"samples/Hbb.root": "Events"}, schemaclass=PFNanoAODSchema).events()
    expected = coffea_fm.load("jet-classifier-small")(events.FatJet[events.FatJet.pt > 550]).Hbb
    of_page = ak.from_parquet("scored/arrays/Hbb.parquet").value
    options = {"friends": "tagged/friends/Hbb/Hbb.parquet"}
    of_parquet = coffea_fm.run("score.py", "samples/Hbb.root", options=options, chunksize=500, quiet=True)
    for found in (of_page, of_parquet.output["Hbb"].value):
        np.testing.assert_allclose(ak.to_numpy(found), ak.to_numpy(ak.flatten(expected)), atol=1e-6)


def test_what_does_not_fit_is_refused(bundle, nano, tmp_path):
    friend = tmp_path / "out" / "friends" / "nano" / "nano.root"
    run(bundle, nano, tmp_path / "out")
    make_nano(tmp_path / "other.root", 60, seed=1)

    def events(file, **metadata):
        about = {"dataset": "nano", "filename": str(file), **metadata}
        return NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, metadata=about).events()

    with pytest.raises(InputError, match=r"was written with counting \(.*\), not with jet-classifier-small"):
        coffea_fm.with_friend(events(nano), friend, coffea_fm.load("jet-classifier-small"))
    with pytest.raises(InputError, match=r"is the friend of .*nano\.root \(UUID .*\), not of .*other\.root"):
        coffea_fm.with_friend(events(tmp_path / "other.root", fileuuid="1"), friend)
    with pytest.raises(InputError, match="open the friend before jets are selected"):
        coffea_fm.with_friend(events(tmp_path / "other.root"), friend)
    with pytest.raises(InputError, match=r"60 entries for these .* events: open the friend before events are selected"):
        coffea_fm.with_friend(events(nano)[::2], friend)
    with pytest.raises(InputError, match="is not a friend file of coffea-fm"):
        coffea_fm.with_friend(events(nano), nano)
    with pytest.raises(InputError, match="has no friend of"):
        coffea_fm.with_friend(events(tmp_path / "other.root"), tmp_path / "out" / "friends")


def test_a_processor_that_replaces_its_jets_changes_no_friend(bundle, nano, tmp_path):
    code = """
import coffea_fm
from coffea.processor import ProcessorABC
class Select(ProcessorABC):
    def __init__(self, bundle): self.taggers = {"FatJet": coffea_fm.load(bundle)}
    def process(self, events):
        events["FatJet"] = events.FatJet[events.FatJet.pt > 900]
        return {"jets": len(events)}
    def postprocess(self, accumulator): ...
"""
    (tmp_path / "select.py").write_text(code)
    run(bundle, nano, tmp_path / "out", tmp_path / "select.py", friends=["scores"])
    counts = uproot.open(nano)["Events/nFatJet"].array()
    assert ak.all(ak.num(read(tmp_path / "out" / "friends" / "nano" / "nano.root").FatJet_counting_Hbb) == counts)


def test_any_processor_can_offer_taggers(bundle, processor, nano, tmp_path):
    command = [
        "run",
        "tag_jets",
        str(nano),
        "-O",
        f"bundle={bundle}",
        "-o",
        str(tmp_path / "out"),
        "--no-plots",
        "--json",
    ]
    result = CliRunner().invoke(main, [*command, "--friends", "scores"])
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)["written"]["friends"]) == 2
    assert len(read(tmp_path / "out" / "friends" / "nano" / "nano.parquet").fields) == len(JET_CLASSES)
    with pytest.raises(RecipeError, match="CountJets offers no taggers to write friends of: give it an attribute"):
        coffea_fm.run(processor, nano, tmp_path / "none", friends="scores", quiet=True)
    with pytest.raises(RecipeError, match="friends need an output folder"):
        run(bundle, nano, None)
    with pytest.raises(RecipeError, match="two taggers would both write FatJet_counting_QCD"):
        run([bundle, bundle], nano, tmp_path / "none")
    with pytest.raises(ValueError, match="has no output vectors"):
        run(bundle, nano, tmp_path / "none", friends=("vectors",))
