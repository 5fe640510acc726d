"""Simulation as tasks of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import uproot

import coffea_fm
from coffea_fm.errors import RecipeError


def test_a_cluster_makes_the_same_files(tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc", reason="simulation needs pythia8mc")
    options = {"jets_per_class": 3, "jets_per_file": 3, "classes": ["QCD", "Hbb"]}
    written = coffea_fm.simulate.jets(tmp_path / "there", cluster="local", workers=2, **options)
    coffea_fm.simulate.jets(tmp_path / "here", workers=1, **options)
    assert sorted(path.name for path in written) == ["Hbb_0000.root", "QCD_0000.root"]
    for path in written:
        ours, theirs = (
            uproot.open({file: "Events"})["FatJet_pt"].array() for file in (tmp_path / "here" / path.name, path)
        )
        assert ours.tolist() == theirs.tolist()


def test_an_unknown_cluster_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="unknown cluster 'slrum'"):
        coffea_fm.simulate.jets(tmp_path / "sample", cluster="slrum")
    assert not (tmp_path / "sample").exists()
