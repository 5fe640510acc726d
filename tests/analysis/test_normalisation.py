from __future__ import annotations

import pytest
import uproot

from coffea_fm.analysis.normalisation import normalisation, total_weights
from coffea_fm.errors import InputError
from coffea_fm.shipped import shipped

SAMPLES = shipped("samples", "hh4b")


def test_files_of_one_process_add_up():
    one, other = sorted(SAMPLES.glob("TT_*.root"))
    both = normalisation([one, other])
    assert both.sum_of_weights == pytest.approx(total_weights([one]) + total_weights([other]))
    assert both.cross_section == normalisation([one]).cross_section
    assert both.pb_per_weight == both.cross_section / both.sum_of_weights


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(InputError, match="5 different cross sections"):
        normalisation(SAMPLES.glob("*.root"))
    with pytest.raises(InputError, match="no files"):
        normalisation([])


def test_files_that_do_not_store_it(tmp_path):
    with uproot.recreate(tmp_path / "other.root") as file:
        file.mktree("Events", {"x": [0.0]})
    with pytest.raises(
        InputError, match=r"no Runs/crossSection, .*: give the cross section of its process in the settings"
    ):
        normalisation([tmp_path / "other.root"])
    with pytest.raises(InputError, match=r"other\.root has no Runs/genEventSumw"):
        total_weights([tmp_path / "other.root"])
