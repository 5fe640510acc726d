"""Outputs of runs are read with a list of what may be in them; nothing in them runs."""

from __future__ import annotations

import json
import math
import os
import pickle
from collections import Counter, defaultdict
from pathlib import Path

import awkward as ak
import cloudpickle
import coffea.util
import hist
import numpy as np
import pytest
from coffea.processor import defaultdict_accumulator

from coffea_fm.errors import InputError
from coffea_fm.untrusted.pickles import load_output, loads
from coffea_fm.untrusted.refused import Refused


class Marks:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def names(*parts: str) -> bytes:
    """A pickle that calls MODULE.NAME with one string."""
    module, name, argument = parts
    return f"\x80\x04\x8c{chr(len(module))}{module}\x8c{chr(len(name))}{name}\x93\x8c{chr(len(argument))}{argument}\x85R.".encode(
        "latin-1"
    )


@pytest.mark.parametrize(
    "parts",
    [
        ("os", "system", "true"),
        ("builtins", "eval", "1"),
        ("builtins", "getattr", "x"),
        ("importlib", "import_module", "this"),
        ("hist", "hist.np.ctypeslib.os.system", "true"),
        ("hist.hist", "np", "x"),
        ("hist.antigravity", "x", "x"),
        ("numpy", "load", "x.npy"),
        ("numpy", "memmap", "/etc/passwd"),
        ("awkward", "from_parquet", "x"),
        ("coffea.util", "load", "x"),
        ("cloudpickle.cloudpickle", "_make_skeleton_class", "x"),
        ("boost_histogram.axis.transform", "_internal_conversion", "__loader__"),
        ("coffea_fm.running.merging", "Merging", "x"),  # its state is a pickle itself
    ],
)
def test_pickles_that_call_something_else_are_refused(parts):
    with pytest.raises(Refused, match=r"it names|it calls something that it does not name"):
        loads(names(*parts))


def test_nothing_of_a_pickle_runs(tmp_path):
    coffea.util.save({"a": Marks(tmp_path / "ran")}, tmp_path / "o.coffea")
    with pytest.raises(Refused, match=r"which is not read from files"):
        load_output(tmp_path / "o.coffea")

    marker = str(tmp_path / "ran")

    def function() -> None:  # cloudpickle stores its code
        open(marker, "w").close()  # noqa: PTH123

    read = loads(cloudpickle.dumps({"f": function}))
    with pytest.raises(InputError, match=r"is not read from files"):
        read["f"]()
    with pytest.raises(Refused, match=r"_make_skeleton_class"):
        loads(cloudpickle.dumps(type("Own", (), {})()))
    assert not (tmp_path / "ran").exists()


def test_classes_are_not_changed_by_a_pickle():
    # BUILD on a class would set its attributes
    attack = b"\x80\x04chist.hist\nHist\nN}\x8c\x04fill\x8c\x04evils\x86b."
    with pytest.raises(Refused, match=r"it changes a class"):
        loads(attack)
    assert callable(hist.Hist.fill)


def test_memory_behind_a_histogram_or_an_array_is_never_read():
    """A number of bins that the storage does not have: boost-histogram itself reads beyond its memory."""
    filled = hist.Hist(hist.axis.Regular(4, 0, 1), storage=hist.storage.Double())
    core = filled._hist
    lying = type(core).__new__(type(core))
    lying.__setstate__(tuple(100 if index == 7 else value for index, value in enumerate(core.__getstate__())))
    assert lying.view(True).size > core.size() == lying.size()
    with pytest.raises(Refused, match=r"does not fit its axes"):
        loads(pickle.dumps({"h": lying}))
    data = cloudpickle.dumps(ak.Array([[1.0, 2.0], [3.0]]))
    offsets = np.array([0, 2, 3]).tobytes()
    assert offsets in data
    with pytest.raises(Refused, match=r"not valid|damaged"):
        loads(data.replace(offsets, np.array([0, 2, 10**9]).tobytes()))


def test_outputs_are_read_as_coffea_reads_them(tmp_path):
    axes = (
        hist.axis.StrCategory([], growth=True, name="c"),
        hist.axis.Regular(4, 1, 9, name="x", transform=hist.axis.transform.log),
    )
    filled = hist.Hist(*axes, storage=hist.storage.Weight(), label="Jets")
    filled.fill(c=["a", "b"], x=[1.5, 3.0])
    output = {
        "h": filled,
        "counts": Counter(a=2),
        "nested": defaultdict(lambda: defaultdict(int), {"x": defaultdict(int, y=3)}),
        "accumulator": defaultdict_accumulator(int),
        "arrays": [np.arange(3), np.array(["a", "bc"]), np.float32(2), np.datetime64("2026-11-28")],
        "jets": ak.Array([[{"pt": 1.5}], []]),
        "set": {1, (2, 3)},
        "number": math.pi,
    }
    coffea.util.save(output, tmp_path / "o.coffea")
    read = load_output(tmp_path / "o.coffea")
    assert read["h"] == filled
    assert read["h"].label == "Jets"
    assert read["jets"].tolist() == output["jets"].tolist()
    for name in ("counts", "nested", "accumulator", "set", "number"):
        assert (type(read[name]), read[name]) == (type(output[name]), output[name])
    for got, expected in zip(read["arrays"], output["arrays"], strict=True):
        assert np.array_equal(got, expected)
    assert json.dumps(read["nested"]) == '{"x": {"y": 3}}'
    assert loads(cloudpickle.dumps(read))["nested"] == output["nested"]  # what was read can be written again
