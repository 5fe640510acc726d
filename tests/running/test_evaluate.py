from __future__ import annotations

import shutil

import awkward as ak
import numpy as np
import pytest
from made import make_bundle, make_nano

import coffea_fm
from coffea_fm.bundle import load_bundle
from coffea_fm.errors import InputError


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "counting", tmp_path.name)


def test_files_that_cannot_be_read_are_left_out_and_named(tmp_path, bundle):
    make_nano(tmp_path / "test.root", 400)
    (tmp_path / "broken.root").write_bytes(b"no ROOT file")
    files = [tmp_path / "test.root", tmp_path / "broken.root"]
    with pytest.raises(InputError, match="use --skip-bad-files to run without it"):
        coffea_fm.evaluate(bundle, files, quiet=True)
    result = coffea_fm.evaluate(bundle, files, skip_bad_files=True, quiet=True)
    assert result.remarks[-1].startswith(f"skipped: cannot read {files[1]}")
    assert result.remarks[-1] in repr(result)


def test_record_writes_working_points_into_the_bundle_and_keeps_the_rest(tmp_path, bundle):
    make_nano(tmp_path / "test.root", 2500)
    before = load_bundle(bundle)
    result = coffea_fm.evaluate(bundle, tmp_path / "test.root", record=True, quiet=True)
    after = load_bundle(bundle)
    assert after.calibration.working_points == tuple(result.working_points)
    assert {point.name for point in after.calibration.working_points} >= {"Hbb_loose", "Tbl_loose"}
    assert after.calibration.temperature is None
    assert (after.calibration.n_jets, after.calibration.data) == (result.metrics.jets, "test.root")
    assert after.graphs == before.graphs
    assert result.checksum == after.checksum == before.checksum
    assert after.bundle_checksum != before.bundle_checksum
    card = (bundle / "README.md").read_text()
    assert card.startswith("# Counting\n\n## Measured\n")
    assert "Hbb / (Hbb + QCD) >= " in card
    assert f"On {result.metrics.jets} jets of test.root (" in card


def test_working_points_by_momentum_are_recorded_and_written(tmp_path, bundle):
    make_nano(tmp_path / "test.root", 2500)
    bins = {"pt_bins": (0, 5000), "quiet": True, "classes": "0=QCD,1=Hbb"}
    result = coffea_fm.evaluate(
        bundle, tmp_path / "test.root", record=True, calibrated=True, corrections=tmp_path / "points.json", **bins
    )
    tagger = coffea_fm.load(bundle)
    points = tagger.calibration.working_points
    assert points == result.calibration.working_points
    assert all(point.bins.edges == (0, 5000) and point.calibrated for point in points)
    assert f"efficiency_{tagger.checksum[:12]}" in (tmp_path / "points.json").read_text()
    assert "(calibrated scores)" in repr(result)
    assert "alibrated scores" in (bundle / "README.md").read_text()
    assert coffea_fm.evaluate(bundle, tmp_path / "test.root", **bins).working_points == result.working_points
    again = coffea_fm.evaluate(bundle, tmp_path / "test.root", record=True, **{**bins, "classes": "0=QCD,2=Hcc"})
    assert set(again.forgotten) == {point.name for point in points} - {point.name for point in again.working_points}
    assert f"these jets do not give, are removed: {again.forgotten[0]}" in repr(again)
    with pytest.raises(InputError, match=r"ten QCD jets that pass it in each bin of pt .* use wider bins"):
        coffea_fm.evaluate(bundle, tmp_path / "test.root", **{**bins, "pt_bins": range(200, 1500, 20)})


def test_truth_may_be_any_column_and_what_is_left_out_is_counted(tmp_path, bundle):
    jets = ak.flatten(make_nano(tmp_path / "test.root", 400))
    result = coffea_fm.evaluate(bundle, tmp_path / "test.root", classes="0=QCD,1=Hbb,2=other", quiet=True)
    label, counts = ak.to_numpy(jets.label), ak.to_numpy(jets.nConstituents)
    assert result.metrics.jets == np.sum((label >= 0) & (label < 2) & (counts > 0))
    assert result.left_out == {
        "of the class other, which the bundle does not score": int(np.sum(label == 2)),
        "with no true class in 'label'": int(np.sum((label < 0) | (label > 2))),
    }
    assert len(label) == result.metrics.jets + result.metrics.unscored + sum(result.left_out.values())


def test_the_tree_may_have_another_name(tmp_path, bundle):
    make_nano(tmp_path / "test.root", 100)
    with pytest.raises(InputError, match="other"):
        coffea_fm.evaluate(bundle, tmp_path / "test.root", treename="other", quiet=True)


def test_a_background_that_is_no_class_is_refused_before_anything_runs(tmp_path, bundle):
    with pytest.raises(InputError, match="'QDC' is not among the classes: did you mean 'QCD'"):
        coffea_fm.evaluate(bundle, tmp_path / "absent.root", tmp_path / "out", background="QDC")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def twin(tmp_path):
    """A second bundle, which scores as the first."""
    return make_bundle(tmp_path / "twin", f"{tmp_path.name}-twin")


def test_several_bundles_are_compared_on_the_jets_that_all_of_them_score(tmp_path, bundle, twin):
    jets = ak.flatten(make_nano(tmp_path / "test.root", 600))
    two = {"classes": "0=QCD,1=Hbb", "quiet": True}
    result = coffea_fm.compare([bundle, twin], tmp_path / "test.root", tmp_path / "out", **two)
    assert list(result.evaluations) == [tmp_path.name, f"{tmp_path.name}-twin"]
    alone = coffea_fm.evaluate(bundle, tmp_path / "test.root", **two).metrics
    assert result.first.metrics.accuracy == alone.accuracy
    assert result.first.metrics.unscored == 0
    empty = int(np.sum(np.isin(ak.to_numpy(jets.label), [0, 1]) & (ak.to_numpy(jets.nConstituents) == 0)))
    assert empty > 0
    for name in result.evaluations:
        assert result.first.left_out[f"without a score of {name}"] == empty
    assert result.differences[f"{tmp_path.name}-twin"].accuracy_difference.interval == (0, 0)
    names = {path.relative_to(tmp_path / "out").as_posix() for path in result.written}
    assert {"report.html", "comparison.md", "comparison.json", "figures/roc_Hbb.png"} <= names
    assert f"{tmp_path.name}-twin/report.html" in names
    assert all(path.stat().st_size for path in result.written)
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"{tmp_path.name}-twin" in page
    assert f'<a href="{tmp_path.name}-twin/report.html">its own page</a>' in page
    assert "<h2>Calibration</h2>" not in page
    assert "minus" in repr(result)
    assert "<table>" in result._repr_html_()


def test_classes_that_not_every_bundle_scores_are_left_out_for_all():
    from coffea_fm.running.predictions import common_classes
    from coffea_fm.running.truth import Truth

    class Named:
        def __init__(self, *classes):
            self.classes = classes

    known = common_classes({"a": Named("QCD", "Hbb", "Hcc"), "b": Named("Hcc", "QCD")})
    assert known == ("QCD", "Hcc")
    columns, left_out = Truth.of("label", "QCD,Hbb,Hcc", known).columns(np.array([0, 1, 2, 1, -1]), known, 2)
    assert columns.tolist() == [0, -1, 1, -1, -1]
    assert left_out["of the class Hbb, which not every bundle scores"] == 2


def test_a_comparison_needs_two_different_bundles(tmp_path, bundle):
    make_nano(tmp_path / "test.root", 20)
    with pytest.raises(InputError, match="at least two bundles"):
        coffea_fm.compare([bundle], tmp_path / "test.root")
    with pytest.raises(InputError, match="is given twice"):
        coffea_fm.compare([bundle, bundle], tmp_path / "test.root")


def test_other_data_are_tested_for_a_shift_also_without_truth(tmp_path, bundle, monkeypatch):
    monkeypatch.setattr("coffea_fm.evaluation.domain_shift.PERMUTATIONS", 19)
    make_nano(tmp_path / "here.root", 1500)
    make_nano(tmp_path / "there.root", 600, seed=1, labelled=False)
    result = coffea_fm.evaluate(bundle, tmp_path / "here.root", against=tmp_path / "there.root", quiet=True)
    assert not result.shift.balanced
    assert result.shift.tests[0].selection == "all jets"
    assert {part.jets for part in result.shift.points} == {"all jets"}
    assert "Domain shift to" in repr(result)
    with pytest.raises(InputError, match="is in both data"):
        coffea_fm.evaluate(bundle, tmp_path / "here.root", against=tmp_path / "here.root", quiet=True)
    shutil.copy(tmp_path / "here.root", tmp_path / "copy.root")
    with pytest.raises(InputError, match=r"\d+ of \d+ jets of .*copy\.root are also in .*here\.root"):
        coffea_fm.evaluate(bundle, tmp_path / "here.root", against=tmp_path / "copy.root", quiet=True)
