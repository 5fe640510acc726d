from __future__ import annotations

import json
import shutil
import warnings

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import BaseSchema
from made import make_nano

import coffea_fm
from coffea_fm.errors import InputError
from coffea_fm.names import KEY, safe_name
from coffea_fm.running.failures import UnreadableFileError
from coffea_fm.running.result import IncompleteRunError
from coffea_fm.schemas import PFNanoAODSchema


def execute(processor, files, *, workers=1, skip=False, options=None, chunksize=25, schema=PFNanoAODSchema):
    settings = {"workers": workers, "skip_bad_files": skip, "chunksize": chunksize, "schema": schema, "quiet": True}
    return coffea_fm.run(str(processor), files, options=options, **settings)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_event_is_processed_once(processor, nano, shared_data, workers):
    real = shared_data / "real" / "pfnano.root"
    result = execute(processor, [nano, real], workers=workers, options={"minimum": 0})
    assert result.events == {"nano": 60, "pfnano": 10}
    assert (result.n_events, result.files, result.chunks) == (70, 2, 3)
    for name, file in (("nano", nano), ("pfnano", real)):
        pt = ak.flatten(uproot.open(file)["Events/FatJet_pt"].array())
        assert result.output["cutflow"][name]["jets"] == len(pt)
        expected, _ = np.histogram(pt, bins=20, range=(0, 2000))
        assert result.output["spectra"]["pt"][name, :].values() == pytest.approx(expected)
    assert result.output["postprocessed"] is True
    assert result.columns == ["FatJet_pt", "nFatJet"]


def test_truncated_file_ends_the_run(processor, nano, truncated):
    with pytest.raises(UnreadableFileError, match=r"cannot read .*truncated\.root.*use --skip-bad-files"):
        execute(processor, [nano, truncated])


def test_truncated_file_is_skipped_and_counted(processor, nano, truncated):
    """Even though the branches that the processor reads lie in its first half."""
    result = execute(processor, [nano, truncated], skip=True)
    size = nano.stat().st_size
    assert result.skipped == {
        str(truncated): f"cannot read {truncated}: it is truncated to {size // 2} of {size} bytes"
    }
    assert (result.events, result.files, result.events_skipped) == ({"nano": 60}, 1, 0)


def test_damage_inside_a_file_costs_only_its_chunks_and_they_are_counted(processor, damaged):
    result = execute(processor, [damaged], skip=True, chunksize=100)
    assert result.events == {"damaged": 100}
    assert list(result.skipped) == [f"{damaged}, entries 100 to 200"]
    assert (result.files, result.events_skipped) == (0, 100)
    with pytest.raises(IncompleteRunError, match=r"100 events of 1 file are missing: .*entries 100 to 200: ") as caught:
        execute(processor, [damaged], chunksize=100)
    assert caught.value.result.events == {"damaged": 100}


def test_absent_file(processor, nano, tmp_path):
    with pytest.raises(UnreadableFileError, match=r"cannot read .*none\.root: there is no such file"):
        execute(processor, [nano, tmp_path / "none.root"])


def test_a_run_that_is_refused_leaves_no_empty_folder(processor, tmp_path):
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        coffea_fm.run(processor, [tmp_path / "none.root"], tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


def test_branches_that_coffea_cannot_read_are_no_flood_of_warnings(shared_data):
    options = {"collection": "Jets", "bundle": "jet-classifier-kinematic"}
    file = shared_data / "real" / "PHYSLITE_example.root"
    settings = {"schema": "PHYSLITESchema", "treename": "CollectionTree", "quiet": True}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = coffea_fm.run("tag_jets", file, options=options, **settings)
    assert result.n_events > 0
    assert not [warning for warning in seen if "not interpretable by Uproot" in str(warning.message)]


def test_nothing_readable_is_an_error_even_when_skipping(processor, truncated):
    with pytest.raises(InputError, match=r"no file of the fileset can be read; the first: .*is truncated"):
        execute(processor, [truncated], skip=True)


def test_missing_tree_names_the_trees_that_are_there(processor, shared_data):
    with pytest.raises(InputError, match=r"delphes\.root has no tree 'Events': it has Delphes"):
        execute(processor, [shared_data / "real" / "delphes.root"], skip=True)


def test_missing_collection_names_file_and_line(processor, nano):
    with pytest.raises(InputError, match=r"nano\.root, entries 0 to .*no field 'FatJett'.*count_jets\.py:\d+"):
        execute(processor, [nano], options={"collection": "FatJett"})


def test_a_fault_of_the_processor_is_never_skipped(processor, nano, capfd):
    for workers in (1, 2):
        with pytest.raises(InputError, match=r"processing .* failed: RuntimeError: oh no at .*count_jets\.py:16"):
            execute(processor, [nano], skip=True, workers=workers, options={"fail": "oh no"})
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_long_message_of_another_library_is_shortened(processor, nano):
    with pytest.raises(InputError, match=r"RuntimeError: var \* record") as raised:
        execute(processor, [nano], options={"fail": "var * record " * 500})
    assert len(str(raised.value)) < 1000


def test_a_file_that_the_processor_itself_cannot_open_is_its_fault(tmp_path, nano):
    code = """
import uproot
from coffea.processor import ProcessorABC
class Weights(ProcessorABC):
    def process(self, events):
        return {"w": uproot.open("/none/weights.root")}
    def postprocess(self, accumulator): ...
"""
    (tmp_path / "weights.py").write_text(code)
    with pytest.raises(InputError, match=r"processing .* failed: .*weights\.py:6") as raised:
        execute(tmp_path / "weights.py", [nano], skip=True)
    assert not isinstance(raised.value, UnreadableFileError)


def test_files_without_events_are_counted(processor, nano, shared_data):
    empty = shared_data / "real" / "nano_dy_empty.root"
    result = execute(processor, [nano, empty])
    assert result.empty_files == [str(empty)]
    assert result.events == {"nano": 60}


def test_an_empty_file_gives_an_empty_result(processor, shared_data, tmp_path):
    """Real, and with the processor's own histograms."""
    empty = shared_data / "real" / "nano_dy_empty.root"
    result = execute(processor, [empty])
    assert (result.n_events, result.chunks, result.empty_files) == (0, 0, [str(empty)])
    assert result.output["spectra"]["pt"].sum().value == 0
    code = """
from coffea.processor import ProcessorABC
class Mean(ProcessorABC):
    def process(self, events):
        return {"mean": 1 / len(events)}
    def postprocess(self, accumulator): ...
"""
    (tmp_path / "mean.py").write_text(code)
    result = execute(tmp_path / "mean.py", [empty])
    assert result.output == {}
    assert "the processor cannot make an empty output: processing" in result.notes[0]


def test_metadata_reaches_the_processor(tmp_path, nano):
    code = """
from coffea.processor import ProcessorABC
class Metadata(ProcessorABC):
    def process(self, events):
        return {"seen": {events.metadata["dataset"], events.metadata["kind"]}}
    def postprocess(self, accumulator): ...
"""
    (tmp_path / "metadata.py").write_text(code)
    (tmp_path / "f.json").write_text(f'{{"tt": {{"files": ["{nano.name}"], "metadata": {{"kind": "mc"}}}}}}')
    assert execute(tmp_path / "metadata.py", [tmp_path / "f.json"]).output == {"seen": {"tt", "mc"}}


def test_parquet(tmp_path):
    ak.to_parquet(ak.Array({"x": np.arange(10.0)}), tmp_path / "x.parquet")
    code = """
import awkward as ak
from coffea.processor import ProcessorABC
class Sum(ProcessorABC):
    def process(self, events):
        return {"sum": float(ak.sum(events.x))}
    def postprocess(self, accumulator): ...
"""
    (tmp_path / "sum.py").write_text(code)
    result = execute(tmp_path / "sum.py", [tmp_path / "x.parquet"], chunksize=4, schema=BaseSchema)
    assert (result.output["sum"], result.events) == (45.0, {"x": 10})


def test_the_steps_of_a_fileset_are_obeyed(processor, nano):
    about = {"object_path": "Events", "steps": [[0, 10], [20, 25]], "num_entries": 60, "uuid": "x"}
    fileset = {"nano": {"files": {str(nano): about}, "form": None, "metadata": {}}}
    result = coffea_fm.run(str(processor), fileset, chunksize=5, quiet=True)
    assert (result.events, result.chunks) == ({"nano": 15}, 3)
    assert result.notes == ["15 of 60 entries were asked for by the steps of the fileset"]
    about["steps"] = [[0, 70]]
    with pytest.raises(InputError, match=r"has steps up to entry 70 of .* which has 60"):
        coffea_fm.run(str(processor), fileset, quiet=True)


@pytest.mark.parametrize("skip", [False, True])
def test_copies_are_refused_before_the_run(processor, nano, tmp_path, skip):
    shutil.copy(nano, tmp_path / "copy.root")
    with pytest.raises(InputError, match=r"copy\.root .* is a copy of .*nano\.root"):
        execute(processor, [nano, tmp_path / "copy.root"], skip=skip, options={"fail": "it was run"})


@pytest.mark.parametrize("options", [{"workers": 1}, {"cluster": "local"}], ids=str)
def test_letters_of_other_scripts(processor, tmp_path, options):
    """In the path of a file, and in the name of a dataset."""
    names = ["müller", "tt̄", "数据", "a b:c;d|e/f", "x" * 300]
    files = {}
    for index, name in enumerate(names):
        folder = tmp_path / f"{name[:20].replace('/', ' ')}"
        folder.mkdir()
        files[name] = [str(folder / "nano.root")]
        make_nano(folder / "nano.root", 10 + index)
    result = coffea_fm.run(str(processor), files, tmp_path / "out", plots=False, quiet=True, **options)
    assert result.events == {name: 10 + index for index, name in enumerate(names)}
    assert (result.failures, result.not_written, result.skipped) == ({}, {}, {})
    assert set(json.loads((tmp_path / "out" / "cutflow.json").read_text())["cutflow"]) == set(names)
    with uproot.open(tmp_path / "out" / "histograms.root") as file:
        stored = {f"spectra/pt/{safe_name(name, KEY)}" for name in names}
        assert set(file.keys(cycle=False, filter_classname="TH1*")) == stored


@pytest.mark.filterwarnings("ignore")
def test_branches_that_coffea_cannot_read_are_left_out_where_the_schema_says_so(processor, shared_data):
    file = shared_data / "real" / "test_FCC_Winter2023.root"
    options = {"collection": "Jet", "minimum": 0}
    result = coffea_fm.run(str(processor), file, options=options, schema="FCCSchema", treename="events", quiet=True)
    assert result.output["cutflow"]["test_FCC_Winter2023"]["jets"] > 0
