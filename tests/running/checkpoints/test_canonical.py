from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import awkward as ak
import hist
import numpy as np
import pytest
from made import make_bundle

import coffea_fm
from coffea_fm.bundle import load_bundle
from coffea_fm.errors import RecipeError
from coffea_fm.running.checkpoints.canonical import Canonical


def digest(value: object) -> bytes:
    return Canonical().digest(value)


@dataclass
class Cuts:
    pt: float = 300.0
    names: frozenset[str] = frozenset(("a", "b"))


def scaled(values):
    return 2 * values


def above(cut):
    return lambda pt: pt > cut


PAIRS = {
    "numbers": (1, 2),
    "a number and a truth": (1, True),
    "a number and its text": (1, "1"),
    "an integer and a float": (1, 1.0),
    "signs of zero": (0.0, -0.0),
    "list and tuple": ([1, 2], (1, 2)),
    "nesting": ([[1], 2], [1, [2]]),
    "split texts": (["ab", "c"], ["a", "bc"]),
    "a set": ({"a", "b"}, {"a", "c"}),
    "a dictionary's value": ({"a": 1}, {"a": 2}),
    "a dictionary's order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "an array's values": (np.arange(3), np.arange(1, 4)),
    "an array's type": (np.arange(3, dtype=np.int32), np.arange(3, dtype=np.int64)),
    "an array's shape": (np.zeros((2, 3)), np.zeros((3, 2))),
    "an array of objects": (np.array([1, "a"], dtype=object), np.array([1, "b"], dtype=object)),
    "a mask": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
    "jagged arrays": (ak.Array([[1], [2, 3]]), ak.Array([[1, 2], [3]])),
    "an axis": (hist.Hist.new.Reg(3, 0, 1).Weight(), hist.Hist.new.Reg(3, 0, 2).Weight()),
    "a storage": (hist.Hist.new.Reg(3, 0, 1).Weight(), hist.Hist.new.Reg(3, 0, 1).Double()),
    "a histogram's content": (hist.Hist.new.Reg(3, 0, 1).Weight(), hist.Hist.new.Reg(3, 0, 1).Weight().fill([0.5])),
    "a dataclass": (Cuts(), replace(Cuts(), pt=301.0)),
    "a set in a dataclass": (Cuts(), Cuts(names=frozenset("a"))),
    "lambdas": (lambda pt: pt > 3, lambda pt: pt > 4),
    "closures": (above(3), above(4)),
    "defaults": (lambda pt, cut=3: pt > cut, lambda pt, cut=4: pt > cut),
    "functions": (scaled, digest),
    "ufuncs": (np.add, np.subtract),
    "paths": (Path("a"), Path("b")),
    "generators": (np.random.default_rng(1), np.random.default_rng(2)),
}


@pytest.mark.parametrize("values", PAIRS.values(), ids=PAIRS)
def test_different_values_have_different_digests(values):
    one, other = values
    assert digest(one) != digest(other)
    assert digest(one) == digest(one)


@pytest.mark.parametrize("value", [value for pair in PAIRS.values() for value in pair if "<lambda>" not in repr(value)])
def test_a_copy_has_the_same_digest(value):
    """In a pickled copy, other objects are shared than in the original."""
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


def test_what_is_shared_does_not_matter():
    part = ["long"]
    assert digest([part, part]) == digest([part, list(part)])


def test_cycles_end():
    ring: list[object] = [1]
    ring.append(ring)
    assert digest(ring) == digest(ring)
    assert digest(ring) != digest([1, [1]])


def test_a_file_counts_by_its_content(tmp_path):
    path = tmp_path / "corrections.json"
    absent = digest(str(path))
    path.write_text("1")
    before = digest(str(path))
    assert before not in (absent, digest(path))
    os.utime(path, (1, 1))
    assert digest(str(path)) == before
    path.write_text("2")
    assert digest(str(path)) != before


def test_a_tagger_counts_by_its_model_and_working_points(tmp_path):
    for folder in ("one", "two"):
        make_bundle(tmp_path / folder / "counting", "counting")
    make_bundle(tmp_path / "renamed", "renamed")
    one, two, renamed = (coffea_fm.load(tmp_path / name) for name in ("one/counting", "two/counting", "renamed"))
    assert digest(one) == digest(two), "where a bundle is does not matter"
    assert digest(one) != digest(renamed)
    calibration = load_bundle(tmp_path / "two" / "counting").calibration
    assert digest(calibration) != digest(calibration.model_copy(update={"temperature": 2.0}))


def test_what_has_no_content_is_refused_and_named():
    with pytest.raises(RecipeError, match=r"'lock' of the processor holds a lock: .*create it in process"):
        digest({"lock": threading.Lock()})


CODE = """
from coffea_fm.running.checkpoints.canonical import Canonical
names = {f"name{number}" for number in range(20)}
def own(values): return HELPED(values)
def HELPED(values): return SCALE * values
SCALE = 2
class Own:
    cut = 3
    def process(self, events): return own(events)
value = {"set": names, "frozen": [frozenset(names)], "function": own, "class": Own, "instance": Own()}
print(Canonical().digest(value).hex())
"""


def test_every_process_gives_the_same_digest(tmp_path):
    def run(seed: str, code: str = CODE) -> str:
        (tmp_path / "code.py").write_text(code)
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, tmp_path / "code.py"], env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    assert run("1") == run("2")
    assert run("1", CODE.replace("SCALE = 2", "SCALE = 3")) != run("1"), "a constant of a notebook"
    assert run("1", CODE.replace("SCALE * values", "values * SCALE")) != run("1"), "a function of a notebook"
    assert run("1", CODE.replace("cut = 3", "cut = 4")) != run("1"), "a class of a notebook"
