from __future__ import annotations

import awkward as ak
import pytest
import uproot

from coffea_fm.analysis.normalisation import normalisation
from coffea_fm.shipped import shipped
from coffea_fm.simulation.hh4b.production import first_event

SECTIONS = {
    "X1000": (6e-4, 7e-4),
    "QCD": (2e4, 6e4),
    "QCDbb": (2e3, 8e3),
    "TT": (50, 120),
    "Zjets": (15, 45),
    "Hjets": (0.15, 0.45),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_shipped_sample_has_the_selected_cross_section(name: str) -> None:
    files = sorted(shipped("samples", "hh4b").glob(f"{name}_*.root"))
    events = uproot.concatenate([f"{file}:Events" for file in files], ["genWeight", "genTwoB", "event"])
    low, high = SECTIONS[name]
    assert low < normalisation(files).pb_per_weight * ak.sum(events.genWeight) < high
    assert len(set(events.event.tolist())) == len(events) == 100 * len(files)
    assert events.event[0] == first_event(name, 4, 0)
    assert name != "QCDbb" or ak.all(events.genTwoB)


def test_shipped_sample_is_small() -> None:
    assert sum(file.stat().st_size for file in shipped("samples", "hh4b").iterdir()) < 3_000_000
