"""Datasets of any name run on every executor and through `collect`; each keeps its own events, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import hist
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
from made import make_nano
from strange_names import DATASETS, ZOO

import coffea_fm
from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.errors import RecipeError
from coffea_fm.names import KEY, safe_name
from coffea_fm.shards import ShardDataset
from coffea_fm.shards.metadata import read_metadata

NAMES = [
    *("mc20_13TeV:mc20.410470.ttbar", "a/b", "a_b", "a;1", r"a\\b", "a|b", "a", "A", " a", "..", "a*b"),
    *("tt̄", "tt\u0304", "数据", "x" * 300, "x" * 301),
]
"""Two or more of each kind that collide in some sink: separators, case, spaces, composed letters, and the end of long names."""


@pytest.fixture(scope="module")
def fileset(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """One file per dataset, with a number of events of its own; half of the files have the same stem."""
    files = {}
    for index, name in enumerate(NAMES):
        path = tmp_path_factory.mktemp("names") / f"{safe_name(name) if index % 2 else 'same'}.root"
        make_nano(path, 20 + index, seed=index)
        files[name] = [str(path)]
    return files


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 2}, {"cluster": "local", "workers": 2}], ids=str)
def test_every_name_through_run(processor, fileset, tmp_path, options):
    out = tmp_path / "out"
    result = coffea_fm.run(processor, fileset, out, quiet=True, plots=False, **options)
    events = {name: 20 + index for index, name in enumerate(NAMES)}
    assert result.events == events
    assert (result.failures, result.not_written, result.skipped) == ({}, {}, {})
    cutflow = json.loads((out / "cutflow.json").read_text())["cutflow"]
    assert {name: counts["events"] for name, counts in cutflow.items()} == events
    spectra = read_histograms(out)["spectra/pt"]
    assert set(spectra.axes[0]) == set(NAMES)
    with uproot.open(out / "histograms.root") as file:
        for name in NAMES:
            stored = file[f"spectra/pt/{safe_name(name, KEY)}"].values()
            np.testing.assert_array_equal(
                stored, spectra[hist.loc(name), :].values()
            )  # "a*b" alone is a pattern to hist


def test_every_name_through_collect(fileset, tmp_path):
    result = coffea_fm.collect(fileset, tmp_path / "shards", workers=1, quiet=True)
    written = {}
    for path in map(Path, result.written["shards"]):
        source = read_metadata(path, pq.read_metadata(path)).source
        written[source.dataset] = source.path
    assert written == {name: files[0] for name, files in fileset.items()}
    counts = result.output["cutflow"]
    assert set(counts) == set(NAMES)
    assert ShardDataset(tmp_path / "shards").n_sets == sum(count["written"] for count in counts.values())


@pytest.mark.parametrize("name", sorted(set(ZOO) - set(DATASETS)))
def test_names_that_cannot_be_shown_are_refused_before_the_run(processor, nano, tmp_path, name):
    with pytest.raises(RecipeError, match="use printable characters"):
        coffea_fm.run(processor, {name: [nano]}, tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()
