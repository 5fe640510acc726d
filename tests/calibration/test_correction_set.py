from __future__ import annotations

import correctionlib
import numpy as np
import pytest
from correctionlib import schemav2
from scored_by_pt import by_pt

from coffea_fm.bundle import Calibration
from coffea_fm.calibration.correction_set import correction_set, write_correction_set
from coffea_fm.calibration.measure import measure_calibration
from coffea_fm.errors import BundleError

CHECKSUM = "0123456789ab" + 52 * "c"


@pytest.mark.parametrize("binned", [True, False])
def test_the_file_has_the_cuts_and_efficiencies_of_the_working_points(tmp_path, binned):
    scores, target, bins = by_pt()
    measured = measure_calibration(scores, target, ("QCD", "Hbb"), bins=bins if binned else None, data="some jets")
    write_correction_set(tmp_path / "points.json", "tagger", CHECKSUM, measured)
    text = (tmp_path / "points.json").read_text()
    schemav2.CorrectionSet.model_validate_json(text)
    content = correctionlib.CorrectionSet.from_string(text)
    point = next(point for point in measured.working_points if point.name == "Hbb_medium")
    pt = [np.array([100.0, 399.0, 400.0, 2000.0])] if binned else []
    cuts = content["cut_0123456789ab"].evaluate("Hbb_medium", *pt)
    expected = np.array(point.bins.cuts)[[0, 0, 1, 2]] if binned else point.cut
    np.testing.assert_array_equal(cuts, expected)
    for systematic in ("nominal", "up", "down"):
        found = content["efficiency_0123456789ab"].evaluate(systematic, "Hbb_medium", "QCD", *pt)
        column = {"nominal": "efficiency", "up": "high", "down": "low"}[systematic]
        values = np.array(getattr(point.efficiencies["QCD"], column))
        np.testing.assert_allclose(found, values[[0, 0, 1, 2]] if binned else values[0], rtol=1e-12)
    assert CHECKSUM in content["cut_0123456789ab"].description
    assert "40000 jets of some jets" in text


def test_a_bundle_without_working_points_is_refused():
    with pytest.raises(BundleError, match="'tagger' has no working points"):
        correction_set("tagger", CHECKSUM, Calibration())
