from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.running.truth import Truth

KNOWN = ("b", "c", "light")


def jets(**columns) -> ak.Array:
    return ak.zip({"pt": [[1.0, 2.0], [], [3.0, 4.0]], **columns})


def test_numbers_may_have_any_names():
    truth = Truth.of("hadronFlavour", "0=light, 4=c,5=b", KNOWN)
    numbers = truth.of_jets(jets(hadronFlavour=[[5, 0], [], [4, 7]]), "Jet")
    assert numbers.tolist() == [5, 0, 4, -1]
    columns, left_out = truth.columns(numbers, KNOWN)
    assert columns.tolist() == [0, 2, 1, -1]
    assert left_out == {"with no true class in 'hadronFlavour'": 1}


def test_several_numbers_may_be_one_class():
    truth = Truth.of("parton", "1=light,2=light,5=b", KNOWN)
    columns, _ = truth.columns(np.array([1, 2, 5]), KNOWN)
    assert columns.tolist() == [2, 2, 0]


def test_names_alone_count_from_zero_and_known_labels_need_none():
    assert Truth.of("kind", "light,b", KNOWN).classes == {0: "light", 1: "b"}
    assert Truth.of("label", "", JET_CLASSES).classes == dict(enumerate(JET_CLASSES))
    assert Truth.of("kind", "", KNOWN).classes == dict(enumerate(KNOWN))


def test_classes_that_the_bundle_does_not_score_are_counted():
    columns, left_out = Truth.of("kind", "light,tau", KNOWN).columns(np.array([0, 1, 1, -1]), KNOWN)
    assert columns.tolist() == [2, -1, -1, -1]
    assert left_out == {
        "of the class tau, which the bundle does not score": 2,
        "with no true class in 'kind'": 1,
    }


def test_missing_values_are_no_class():
    column = ak.Array([[0, None], [], [1, 2]])
    assert Truth.of("kind", "", KNOWN).of_jets(jets(kind=column), "Jet").tolist() == [0, -1, 1, 2]


@pytest.mark.parametrize("classes", ["0=b,c", "x=b", "0=b=c"])
def test_what_is_not_a_list_of_classes_is_refused(classes):
    with pytest.raises(RecipeError, match="are not names such as"):
        Truth.of("kind", classes, KNOWN)


def test_a_bundle_that_scores_none_of_the_classes_is_refused():
    with pytest.raises(InputError, match=r"scores none of the classes QCD, .* name what the numbers"):
        Truth.of("label", "", KNOWN)


def test_wrong_columns_are_refused():
    truth = Truth.of("flavour", "", KNOWN)
    with pytest.raises(InputError, match="did you mean 'flavor'"):
        truth.of_jets(jets(flavor=[[0, 1], [], [1, 2]]), "Jet")
    with pytest.raises(InputError, match="whole numbers"):
        truth.of_jets(jets(flavour=[[0.5, 1], [], [1, 2]]), "Jet")
