"""Whatever a processor may return is in a file, or is named in the account with the reason; on every executor."""

from __future__ import annotations

import json

import awkward as ak
import coffea.util
import numpy as np
import pytest
import uproot

import coffea_fm
from coffea_fm.analysis.histogram_files import read_histograms

PROCESSOR = """
import datetime
from collections import Counter, defaultdict, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path

import awkward as ak
import boost_histogram as bh
import hist
import numpy as np
from coffea.processor import (
    ProcessorABC, column_accumulator, defaultdict_accumulator, dict_accumulator, list_accumulator, set_accumulator,
    value_accumulator,
)

Pair = namedtuple("Pair", "low high")


@dataclass
class Tally:
    passed: int
    def __add__(self, other): return Tally(self.passed + other.passed)


def histograms():
    new = hist.Hist.new
    made = {name: getattr(new.Reg(4, 0, 1, name="x"), name)() for name in ("Double", "Int64", "AtomicInt64", "Unlimited", "Weight")}
    for histogram in made.values():
        histogram.fill([0.1, 0.4, 3])
    for name in ("Mean", "WeightedMean"):
        made[name] = getattr(new.Reg(4, 0, 1, name="x"), name)().fill([0.1, 0.4], sample=[1.0, 2.0])
    return made | {
        "two": new.Reg(3, 0, 1).Reg(3, 0, 1).Weight().fill([0.1], [0.2]),
        "three": new.Reg(3, 0, 1).Reg(3, 0, 1).Reg(2, 0, 1).Double().fill([0.1], [0.2], [0.3]),
        "four": new.Reg(2, 0, 1).Reg(2, 0, 1).Reg(2, 0, 1).Reg(2, 0, 1).Double(),
        "empty": new.Reg(3, 0, 1).Weight(),
        "no categories": new.StrCat([], growth=True, name="d").Reg(3, 0, 1).Weight(),
        "categories only": new.StrCat(["a", "b"], name="d").Weight().fill(["a"]),
        "infinite": new.Var([-np.inf, 0, 1, np.inf]).Weight().fill([3]),
        "negative": new.Reg(3, 0, 1).Weight().fill([0.1], weight=[-1]),
        "boost": bh.Histogram(bh.axis.Regular(3, 0, 1)).fill([0.1]),
    }


class Zoo(ProcessorABC):
    def process(self, events):
        n = len(events)
        default = defaultdict(lambda: 0)
        default["n"] += n
        histogram = hist.Hist.new.Reg(3, 0, 1, name="x").Weight().fill([0.1] * n)
        column = column_accumulator(np.arange(n))
        return {
            "histograms": histograms(),
            "list": [1, 2.5, "a"], "list of histograms": (histogram, histogram), "dict of histograms": {1: histogram, "1": histogram},
            "dict_accumulator": dict_accumulator(n=value_accumulator(int, n)),
            "defaultdict_accumulator": defaultdict_accumulator(int, {"n": n}),
            "list_accumulator": list_accumulator([n]), "set_accumulator": set_accumulator({"a", "b"}),
            "value": value_accumulator(float, float(n)), "column": column, "jagged": column_accumulator(events.FatJet.pt),
            "numpy": np.ones(3), "zero-dimensional": np.array(3), "ak_num": ak.num(events, axis=0), "default": default,
            "Counter": Counter(passed=0, lost=-n), "numbers": {"int": np.int32(n), "float": np.float32(0.5), "bool": np.bool_(True)},
            "run": list(np.unique(events.run)), "bytes": b"ab", "tuple": (1, 2), "named tuple": Pair(1, 2), "set": {(1, 2), (0, 3)},
            "frozen": [frozenset({1})], "dates": [datetime.date(2024, 1, 2), np.datetime64("2024-01-02")], "complex": 1 + 2j,
            "exact": [Decimal("0.5"), Fraction(1, 2)], "path": [Path("/a/b")], "sum": histogram.sum(), "tally": Tally(n),
            "nan": float("nan"), "infinity": np.float64("inf"), "object": [object()], "": {"": n}, ("a", 1): n, b"key": n,
            "nothing": {}, "date": datetime.date(2024, 1, 2), "none": None,
        }

    def postprocess(self, accumulator): ...
"""


@pytest.fixture(scope="module")
def expected():
    """What 60 events in two chunks give, in `cutflow.json`."""
    number = {"n": 60}
    return {
        "list": [1, 2.5, "a"] * 2,
        "dict_accumulator": number,
        "defaultdict_accumulator": number,
        "list_accumulator": [30, 30],
        "set_accumulator": ["a", "b"],
        "value": 60.0,
        "zero-dimensional": 6,
        "ak_num": 60,
        "default": number,
        "Counter": {"passed": 0, "lost": -60},
        "numbers": {"int": 60, "float": 1.0, "bool": True},
        "bytes": "abab",
        "tuple": [1, 2, 1, 2],
        "named tuple": [1, 2, 1, 2],
        "set": [[0, 3], [1, 2]],
        "frozen": [[1], [1]],
        "dates": ["2024-01-02"] * 4,
        "complex": "(2+4j)",
        "exact": [0.5, "1/2"] * 2,
        "path": ["/a/b"] * 2,
        "sum": {"value": 60.0, "variance": 60.0},
        "tally": {"passed": 60},
        "nan": None,
        "infinity": None,
        "": {"": 60},
        "('a', 1)": 60,
        "key": 60,
        "nothing": {},
        "date": ["2024-01-02"] * 2,
        "none": [None, None],
    }


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 2}, {"cluster": "local"}], ids=str)
def test_everything_is_written_or_named(tmp_path, nano, expected, options):
    (tmp_path / "zoo.py").write_text(PROCESSOR)
    out = tmp_path / "out"
    result = coffea_fm.run(
        tmp_path / "zoo.py", nano, out, chunksize=30, quiet=True, plots=options == {"workers": 1}, **options
    )
    counts = json.loads((out / "cutflow.json").read_text(), parse_constant=refuse)
    assert len(counts.pop("run")) == 2
    assert counts == expected
    summary = json.loads((out / "summary.json").read_text(), parse_constant=refuse)
    assert summary == result.summary()
    assert sorted(result.failures) == ["date", "none"]
    assert "date and date of" not in result.failures["date"]
    assert "date of two chunks cannot be added: " in result.failures["date"]
    named = set(result.not_written)
    assert {"nan", "infinity", "object/0", "object/1"} <= named
    back = read_histograms(out)
    members = {name.partition("/")[2] for name in back if name.startswith("histograms/")}
    assert len(members) == 16
    assert back["histograms/Double"].sum(flow=True) == 6
    assert back["list of histograms/3"].sum().value == 30
    assert {"dict of histograms/1", "dict of histograms/1 (int)"} <= set(back)
    with uproot.open(out / "histograms.root") as file:
        in_root = {key for key, kind in file.classnames(cycle=False).items() if kind != "TDirectory"}
        assert file["histograms/negative"].values().tolist() == [-2, 0, 0]
    for name in set(back) - in_root:
        assert f"{name} in histograms.root" in named
    assert ak.from_parquet(out / "arrays" / "column.parquet").value.tolist() == [*range(30)] * 2
    assert len(ak.from_parquet(out / "arrays" / "jagged.parquet")) == 60
    assert np.all(ak.from_parquet(out / "arrays" / "numpy.parquet").value == 2)
    assert coffea.util.load(out / "output.coffea")["default"]["n"] == 60


@pytest.mark.parametrize("returned", ["len(events)", "np.int64(len(events))", "[len(events)]", "Weight()", "set()"])
def test_output_without_keys(tmp_path, nano, returned):
    code = f"""
import hist, numpy as np
from coffea.processor import ProcessorABC
def Weight(): return hist.Hist.new.Reg(3, 0, 1).Weight().fill([0.1])
class Plain(ProcessorABC):
    def process(self, events): return {returned}
    def postprocess(self, accumulator): ...
"""
    (tmp_path / "plain.py").write_text(code)
    result = coffea_fm.run(tmp_path / "plain.py", nano, tmp_path / "out", chunksize=30, quiet=True)
    assert (result.failures, result.not_written) == ({}, {})
    counts = json.loads((tmp_path / "out" / "cutflow.json").read_text())
    assert counts in (60, [30, 30], {}, [])


def test_what_cannot_be_copied_or_added_costs_nothing_else(tmp_path, nano):
    code = """
from coffea.processor import ProcessorABC
class Files(ProcessorABC):
    def process(self, events): return {"file": open(__file__), "iterator": iter([1]), "n": len(events)}
    def postprocess(self, accumulator): ...
"""
    (tmp_path / "files.py").write_text(code)
    result = coffea_fm.run(tmp_path / "files.py", nano, tmp_path / "out", chunksize=30, quiet=True)
    assert set(result.failures) == {"file", "iterator"}
    assert json.loads((tmp_path / "out" / "cutflow.json").read_text())["n"] == 60
    for part in result.output["file"]:
        part.close()
