"""Where scores come from, and what was counted, through whatever is computed from them."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import pytest
from coffea.processor import accumulate

import coffea_fm
from coffea_fm.bundle import load_bundle, save_bundle
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
    with pytest.raises(InputError, match=r"several bundles made this array, other, tiny.*: pass the scores of one bundle"):
        coffea_fm.report(both)


def test_reports_add_up_in_an_accumulator(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    whole = coffea_fm.report(tagger(jets))
    outputs = [{"report": coffea_fm.report(tagger(part))} for part in (jets[:7], jets[7:20], jets[20:])]
    assert accumulate(outputs) == {"report": whole}
    assert outputs[0]["report"].counts["jets"] == ak.sum(ak.num(jets[:7])), "adding up changes none of the parts"
    assert repr(whole).startswith(f"Report({tagger.manifest.name!r}, checksum={tagger.checksum[:12]!r}, jets=")


def test_counts_that_one_part_has_alone_are_kept() -> None:
    left, right = coffea_fm.Report("a", "1", {"jets": 2}), coffea_fm.Report("a", "1", {"jets": 3, "not_finite": 0})
    assert left + right == coffea_fm.Report("a", "1", {"jets": 5, "not_finite": 0})


def test_reports_of_two_bundles_do_not_add_up() -> None:
    left, right = coffea_fm.Report("a", "1" * 64, {"jets": 2}), coffea_fm.Report("b", "2" * 64, {"jets": 3})
    with pytest.raises(InputError, match=r"two bundles, a \(1{12}\) and b \(2{12}\), cannot be added"):
        left + right
    with pytest.raises(TypeError):
        left + 3
