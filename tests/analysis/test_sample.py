from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from coffea_fm.analysis.sample import Sample
from coffea_fm.errors import InputError, RecipeError


def sample(**metadata: object) -> Sample:
    return Sample.of({"dataset": "TT_2018", "cross_section": 800.0, **metadata})


def test_names_in_histograms():
    assert sample().label == "TT_2018"
    assert sample(process="TT").label == "TT"
    assert sample(process="TT", kind="pseudo-data").label == "data"


def test_the_metadata_of_others_are_ignored():
    assert sample(filename="a.root", year=2018) == sample()


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({"cross_section": None}, "'TT_2018' has no cross_section in its metadata"),
        ({"cross_section": "five"}, "metadata of dataset 'TT_2018': cross_section: Input should be a valid number"),
        ({"cross_section": -1}, "cross_section: Input should be greater than 0"),
        ({"mass": float("nan")}, "mass: Input should be a finite number"),
        ({"kind": "toy"}, "kind: Input should be 'simulation', 'pseudo-data' or 'data'"),
    ],
)
def test_metadata_that_mean_nothing_are_refused(metadata, complaint):
    with pytest.raises(RecipeError, match=complaint):
        sample(**metadata)


def test_data_need_no_cross_section_and_count_one_each():
    data = sample(kind="data", cross_section=None)
    assert data.events_per_weight(138.0) == 1
    assert data.generator_weights(ak.Array({"run": [1, 2]})).tolist() == [1, 1]


def test_expected_events_of_a_weight():
    assert sample(sum_of_weights=4e6).events_per_weight(100.0) == pytest.approx(800 * 1000 * 100 / 4e6)
    assert sample(sum_of_weights=4e6).events_per_weight(100.0, 2e6) == pytest.approx(800 * 1000 * 100 / 2e6)
    with pytest.raises(RecipeError, match="'TT_2018' has no sum_of_weights"):
        sample().events_per_weight(100.0)
    with pytest.raises(InputError, match=r"'TT_2018' add up to -3, .* process more of its events"):
        sample().events_per_weight(100.0, -3)


def test_weights_that_are_not_finite():
    weights = np.array([1.0, np.inf, np.nan], np.float32)
    with pytest.raises(InputError, match="not a finite number in 2 of 3 events of dataset 'TT_2018'"):
        sample().generator_weights(ak.Array({"genWeight": weights}))
