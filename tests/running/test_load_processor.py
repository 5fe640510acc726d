from __future__ import annotations

import subprocess
import sys

import cloudpickle
import pytest

from coffea_fm.errors import RecipeError
from coffea_fm.running.checkpoints.store import fingerprint
from coffea_fm.running.processors import as_processor, describe_options, load_processor
from coffea_fm.schemas import NanoAODSchema


def test_options_reach_the_constructor(processor):
    assert load_processor(str(processor), {"minimum": 5}).minimum == 5
    assert load_processor(f"{processor}:CountJets").minimum == 300


def test_it_unpickles_where_neither_its_file_nor_its_neighbours_are(processor, tmp_path):
    (tmp_path / "pickle").write_bytes(cloudpickle.dumps(load_processor(str(processor))))
    code = "import pickle, sys; p = pickle.load(open('pickle', 'rb')); print(p.minimum, 'cuts_beside' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert output.stdout == "300.0 False\n"


def test_installed_modules_are_not_pickled_by_value(processor):
    load_processor(str(processor))
    by_value = set(cloudpickle.list_registry_pickle_by_value())
    assert {"coffea_fm_processor_count_jets", "cuts_beside"} <= by_value
    assert not [name for name in by_value if name.startswith(("coffea_fm.", "hist", "awkward", "made"))]


def test_shipped_processors_are_found_by_name():
    with pytest.raises(RecipeError, match=r"TagJets in .*tag_jets\.py needs the option 'bundle'"):
        load_processor("tag_jets")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"minimun": 3}, "no option 'minimun': did you mean 'minimum'"), ({"zzz": 3}, "it takes collection, minimum")],
)
def test_unknown_options_are_refused(processor, options, message):
    with pytest.raises(RecipeError, match=message):
        load_processor(str(processor), options)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError"),
        ("x = ", "cannot be imported: SyntaxError"),
        ("from coffea.processor import ProcessorABC", "has 0 processors"),
        (
            "from coffea.processor import ProcessorABC\nclass A(ProcessorABC): ...\nclass B(ProcessorABC): ...",
            "2 processors instead of one: choose one with .*:NAME, of A, B",
        ),
    ],
)
def test_files_without_one_processor_are_refused(tmp_path, code, message):
    (tmp_path / "wrong.py").write_text(code)
    with pytest.raises(RecipeError, match=message):
        load_processor(str(tmp_path / "wrong.py"))


def test_absent_file_and_class(processor, tmp_path):
    with pytest.raises(RecipeError, match="no processor file"):
        load_processor(str(tmp_path / "none.py"))
    with pytest.raises(RecipeError, match="has no processor 'Other': it has CountJets"):
        load_processor(f"{processor}:Other")


def test_processors_of_packages(processor, tmp_path, monkeypatch):
    package = tmp_path / "my_analysis"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "cuts.py").write_text("MINIMUM = 300.0\n")
    (package / "jets.py").write_text(processor.read_text().replace("cuts_beside", "my_analysis.cuts"))
    monkeypatch.chdir(tmp_path)
    loaded = load_processor("my_analysis.jets:CountJets", {"minimum": 5})
    assert loaded.minimum == 5
    (tmp_path / "pickle").write_bytes(cloudpickle.dumps(loaded))
    code = "import pickle; print(pickle.load(open('../pickle', 'rb')).minimum)"
    (tmp_path / "elsewhere").mkdir()
    where = tmp_path / "elsewhere"
    assert subprocess.run([sys.executable, "-c", code], cwd=where, check=True, capture_output=True).stdout == b"5\n"
    with pytest.raises(RecipeError, match="has no processor 'CountJet': did you mean 'CountJets'"):
        load_processor("my_analysis.jets:CountJet")
    with pytest.raises(RecipeError, match=r"module my_analysi\.jets cannot be imported: ModuleNotFoundError"):
        load_processor("my_analysi.jets:CountJets")


def test_classes_and_instances_are_processors(processor):
    kind = type(load_processor(str(processor)))
    assert as_processor(kind, {"minimum": 5}).minimum == 5
    assert as_processor(kind(minimum=7)).minimum == 7
    with pytest.raises(RecipeError, match="is an instance already"):
        as_processor(kind(), {"minimum": 5})
    with pytest.raises(RecipeError, match="is no processor"):
        as_processor(3)


def test_the_options_of_a_processor_are_told(processor):
    text = describe_options(str(processor))
    assert "  minimum = 300.0" in text
    assert "  bundle: str  (required)" in describe_options("tag_jets")


@pytest.fixture
def package(tmp_path):
    """A folder whose name is that of a shipped processor."""
    folder = tmp_path / "hh4b"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .own import Own")
    (folder / "cuts.py").write_text("MINIMUM = 1")
    code = "from coffea.processor import ProcessorABC\nfrom .cuts import MINIMUM\n"
    (folder / "own.py").write_text(
        f"{code}class Own(ProcessorABC):\n    def process(self, events): return MINIMUM\n"
        "    def postprocess(self, accumulator): ..."
    )
    return folder


def test_a_folder_does_not_hide_a_shipped_processor(package, monkeypatch):
    monkeypatch.chdir(package.parent)
    with pytest.raises(RecipeError, match=r"HH4b in .*processors/hh4b/__init__\.py needs the option 'jets'"):
        load_processor("hh4b")
    assert type(load_processor("./hh4b")).__name__ == "Own"


def test_a_package_is_read_anew_and_travels_whole(package, tmp_path):
    assert load_processor(str(package)).process(None) == 1
    before = fingerprint(load_processor(str(package)), NanoAODSchema)
    (package / "cuts.py").write_text("MINIMUM = 22")
    processor = load_processor(str(package))
    assert processor.process(None) == 22
    assert fingerprint(processor, NanoAODSchema) != before
    (tmp_path / "pickle").write_bytes(cloudpickle.dumps(processor))
    code = "import pickle; print(pickle.load(open('pickle', 'rb')).process(None))"
    output = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert output.stdout == "22\n"
