from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from made import make_nano, write_tree

PROCESSOR = """
import os

import awkward as ak
import hist
from coffea.processor import ProcessorABC
from cuts_beside import MINIMUM


class CountJets(ProcessorABC):
    def __init__(self, collection="FatJet", minimum=MINIMUM, fail=""):
        self.collection, self.minimum, self.fail = collection, minimum, fail

    def process(self, events):
        if self.fail:
            raise RuntimeError(self.fail)
        pt = events[self.collection].pt
        pt = pt[pt > self.minimum]
        dataset = events.metadata["dataset"]
        axis = hist.axis.StrCategory([], growth=True, name="dataset")
        histogram = hist.Hist(axis, hist.axis.Regular(20, 0, 2000, name="pt"), storage=hist.storage.Weight())
        histogram.fill(dataset=dataset, pt=ak.flatten(pt))
        return {
            "spectra": {"pt": histogram},
            "cutflow": {dataset: {"events": len(events), "jets": int(ak.count(pt))}},
            "processes": {os.getpid()},
        }

    def postprocess(self, accumulator):
        return accumulator | {"postprocessed": True}
"""


@pytest.fixture
def processor(tmp_path: Path) -> Path:
    """A processor in the user's own folder, which imports a module beside it."""
    folder = tmp_path / "own folder"
    folder.mkdir()
    (folder / "cuts_beside.py").write_text("MINIMUM = 300.0\n")
    (folder / "count_jets.py").write_text(PROCESSOR)
    return folder / "count_jets.py"


@pytest.fixture
def nano(tmp_path: Path) -> Path:
    """60 events with labelled jets."""
    make_nano(tmp_path / "nano.root", 60)
    return tmp_path / "nano.root"


@pytest.fixture
def truncated(tmp_path: Path, nano: Path) -> Path:
    """The first half of such a file."""
    content = nano.read_bytes()
    path = tmp_path / "truncated.root"
    path.write_bytes(content[: len(content) // 2])
    return path


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A file whose header and first entries can be read, and whose later baskets are zeros."""
    path = tmp_path / "damaged.root"
    rng = np.random.default_rng(0)
    with uproot.recreate(path) as file:
        pt = rng.uniform(200, 900, (2, 200)).astype(np.float32)
        jets = [
            ak.unflatten(ak.zip({"pt": part, "eta": part, "phi": part, "mass": part}), np.full(100, 2)) for part in pt
        ]
        numbers = {name: np.arange(100) for name in ("run", "luminosityBlock", "event")}
        write_tree(file, *({**numbers, "FatJet": part} for part in jets))
    with uproot.open(path) as file:
        branch = file["Events/FatJet_pt"]
        start = int(branch.member("fBasketSeek")[1])
        length = int(branch.member("fBasketBytes")[1])
    content = bytearray(path.read_bytes())
    content[start : start + length] = bytes(length)
    path.write_bytes(content)
    return path
