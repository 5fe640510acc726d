from __future__ import annotations

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
    with pytest.raises(InputError, match="give --skip-bad-files to run without it"):
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
    assert (after.calibration.n_jets, after.calibration.data) == (result.metrics.jets, str(tmp_path / "test.root"))
    assert after.graphs == before.graphs
    assert result.checksum == after.checksum == before.checksum
    assert after.bundle_checksum != before.bundle_checksum
    card = (bundle / "README.md").read_text()
    assert card.startswith("# Counting\n\n## Measured\n")
    assert "Hbb / (Hbb + QCD) >= " in card


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
