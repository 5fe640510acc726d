"""Where scores come from, and what was counted, through whatever is computed from them."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import pytest

import coffea_fm
from coffea_fm.bundle import save_bundle
from coffea_fm.bundle.load import load_bundle
from coffea_fm.errors import InputError


def test_the_report_survives_selection_and_names_the_bundle(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    hbb = tagger(jets)[jets.pt > 500].Hbb
    assert coffea_fm.report(hbb).checksum == tagger.checksum
    assert coffea_fm.report(hbb).counts["jets"] == ak.sum(ak.num(jets))
    with pytest.raises(InputError, match="not made by a tagger"):
        coffea_fm.report(jets.pt)


def test_the_reports_of_joined_scores_are_summed(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    whole = coffea_fm.report(tagger(jets))
    joined = ak.concatenate([tagger(jets[:7]), tagger(jets[7:20]), tagger(jets[20:])])
    assert coffea_fm.report(joined) == whole
    assert coffea_fm.report(joined[joined.Hbb > 0.5].QCD) == whole
    twice = coffea_fm.report(ak.concatenate([tagger(jets), tagger(jets)]))
    assert twice.counts == {key: 2 * number for key, number in whole.counts.items()}


def test_one_call_counts_once_however_its_scores_are_combined(bundle: Path, jets: ak.Array) -> None:
    scores = coffea_fm.load(bundle)(jets)
    combined = ak.concatenate([scores.Hbb / (scores.Hbb + scores.QCD), scores.Hbb])
    assert coffea_fm.report(combined) == coffea_fm.report(scores)


def test_scores_of_two_bundles_have_no_common_report(bundle: Path, jets: ak.Array, tmp_path: Path) -> None:
    loaded = load_bundle(bundle)
    manifest = loaded.manifest.model_copy(update={"name": "other"})
    graphs = {graph.name: loaded.graph_bytes(graph.name) for graph in manifest.graphs}
    save_bundle(tmp_path / "other", manifest, graphs, "")
    both = coffea_fm.load(bundle)(jets).Hbb + coffea_fm.load(tmp_path / "other")(jets).Hbb
    with pytest.raises(InputError, match=r"several bundles, other, tiny.*: give the scores of one"):
        coffea_fm.report(both)
