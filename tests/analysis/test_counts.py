from __future__ import annotations

import json

import pytest

from coffea_fm.analysis.counts import Counts
from coffea_fm.errors import InputError

RUN = {
    "cutflow": {"X": {"events": 1}},
    "luminosity": [138.0],
    "cross_section": {"X": [0.01]},
    "processed": {"X": {"kind": "simulation", "events": 9, "sum_of_weights": 4.5, "share": 0.45}},
}


def test_they_are_read_and_added_up(tmp_path):
    (tmp_path / "cutflow.json").write_text(json.dumps(RUN))
    one = Counts.read(tmp_path)
    assert one.cross_section == {"X": {0.01}}
    assert one.notes() == ["processed 45% of the generated events of X, to which its histograms are normalised"]
    other = Counts(luminosity=frozenset({59.8}), cross_section={"X": frozenset({1.0}), "Y": frozenset({2.0})})
    both = one + other
    assert both.luminosity == {138.0, 59.8}
    assert both.cross_section == {"X": {0.01, 1.0}, "Y": {2.0}}
    assert both.processed == one.processed


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, r"cannot read .*cutflow\.json, which coffea-fm run writes"),
        ("{", r"cannot read .*cutflow\.json"),
        ('{"luminosity": ["much"]}', r"cutflow\.json is not written by coffea-fm run: luminosity"),
    ],
)
def test_what_is_not_there_or_means_nothing_is_refused(tmp_path, text, complaint):
    if text is not None:
        (tmp_path / "cutflow.json").write_text(text)
    with pytest.raises(InputError, match=complaint):
        Counts.read(tmp_path)
