from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pack import make_jets

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.tokens import InputSpec, event_collection, jet_fields, token_group
from coffea_fm.tokens.events import event_arrays, first_jets, jet_paths, nest, nested, pack_events, read_jets, unnest

SPEC = InputSpec((token_group("constituents", ("pt", "eta", "d0"), max_tokens=3),), jet_fields(("pt", "mass")))
PAIR = event_collection("FatJet", ("pt", "mass"), minimum=2, maximum=3)
JETS = make_jets([4, 0, 2, 5, 1, 0, 3, 2], [2, 0, 3, 1, 2])


def reference(jets: ak.Array, minimum: int, maximum: int) -> list[list[float]]:
    """pT of the jets that are read of each event, by plain Python."""
    found = []
    for event in jets.pt.to_list():
        best = sorted((pt for pt in event or [] if pt is not None), reverse=True)[:maximum]
        found.append(best if len(best) >= minimum else [])
    return found


@settings(deadline=None)
@given(
    per_event=st.lists(st.integers(0, 5), max_size=8),
    seed=st.integers(0, 99),
    cut=st.floats(0, 1),
    minimum=st.integers(1, 3),
    more=st.integers(0, 2),
)
def test_the_first_jets_of_events_with_enough(
    per_event: list[int], seed: int, cut: float, minimum: int, more: int
) -> None:
    jets = make_jets([2] * sum(per_event), per_event, seed)
    collection = event_collection("FatJet", ("pt",), minimum=minimum, maximum=minimum + more)
    odd = np.arange(len(per_event)) % 2 == 1
    for chosen in (jets, jets[jets.pt > cut], ak.mask(jets, jets.pt > cut), ak.mask(jets, odd), jets[:, ::-1]):
        read, counts = read_jets(chosen, collection)
        found = ak.unflatten(read.pt, counts).to_list() if len(counts) else []
        assert found == reference(chosen, minimum, minimum + more)


def test_stored_order_and_stable_ties() -> None:
    jets = ak.Array([[{"pt": 1.0, "id": 0}, {"pt": 2.0, "id": 1}, {"pt": 2.0, "id": 2}]])
    by_pt, _ = read_jets(jets, event_collection("FatJet", ("pt",), maximum=2))
    as_given, _ = read_jets(jets, event_collection("FatJet", ("pt",), order="stored", maximum=2))
    assert (by_pt.id.to_list(), as_given.id.to_list()) == ([1, 2], [0, 1])


def test_nested_and_back() -> None:
    events = pack_events(JETS, SPEC, PAIR)
    packed = nest(events, SPEC, PAIR)
    layout = nested(SPEC, PAIR)
    assert layout.group("FatJet").names == ("n_constituents", "uncorrected_pt", "uncorrected_mass", "pt", "mass")
    assert len(packed) == 5
    assert packed.groups["FatJet"].lengths.tolist() == [2, 0, 3, 0, 2]
    assert packed.groups["constituents"].lengths.tolist() == [3, 0, 6, 0, 5]
    back = unnest(packed.take(np.array([2, 4, 0])), SPEC, PAIR)
    order = np.r_[2:5, 5:7, 0:2]
    np.testing.assert_array_equal(back.counts, events.counts[[2, 4, 0]])
    np.testing.assert_array_equal(back.features, events.features[order])
    np.testing.assert_array_equal(back.jets.jet, events.jets.take(order).jet)
    ours, theirs = back.jets.groups["constituents"], events.jets.take(order).groups["constituents"]
    for name in ("values", "lengths", "missing"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_fewer_jets_of_fewer_tokens() -> None:
    events = pack_events(JETS, SPEC, PAIR)
    fewer = event_collection("FatJet", ("pt", "mass"), minimum=2, maximum=2)
    short = InputSpec((token_group("constituents", ("pt", "eta", "d0"), max_tokens=1),), SPEC.jet)
    found, expected = first_jets(events, short, fewer), pack_events(JETS, short, fewer)
    assert found.counts.tolist() == [2, 0, 2, 0, 2]
    np.testing.assert_array_equal(found.features, expected.features)
    np.testing.assert_array_equal(found.jets.groups["constituents"].values, expected.jets.groups["constituents"].values)


def test_padded_arrays() -> None:
    vectors, fields = np.arange(6, dtype=np.float32).reshape(3, 2), np.arange(3, dtype=np.float32)[:, np.newaxis]
    collection = event_collection("Jet", ("pt",), maximum=4)
    arrays = event_arrays(vectors, fields, np.array([1, 2]), collection)
    assert list(arrays) == ["Jet_embedding", "Jet", "Jet_mask"]
    assert arrays["Jet_mask"].tolist() == [[True, False], [True, True]]
    assert arrays["Jet"][..., 0].tolist() == [[0, 0], [1, 2]]
    assert arrays["Jet_embedding"].tolist() == [[[0, 1], [0, 0]], [[2, 3], [4, 5]]]


def test_paths_and_what_is_not_there() -> None:
    assert set(jet_paths(JETS, SPEC, PAIR)) == {
        ("constituents", "pt"),
        ("constituents", "eta"),
        ("constituents", "d0"),
        ("pt",),
        ("mass",),
    }
    with pytest.raises(InputError, match="msoftdrop"):
        jet_paths(JETS, SPEC, event_collection("FatJet", ("pt", "msoftdrop")))
    for wrong in (ak.flatten(JETS), JETS[np.newaxis], JETS.pt):
        with pytest.raises(InputError, match="one list of jets for each event"):
            read_jets(wrong, PAIR)
    with pytest.raises(InputError, match="ordered by pt, which they do not have"):
        read_jets(ak.without_field(JETS, "pt"), PAIR)


def test_collections_that_contradict() -> None:
    with pytest.raises(RecipeError, match="unknown jet field 'colour'"):
        event_collection("FatJet", ("pt", "colour"))
    with pytest.raises(RecipeError, match="at least 0 and at most 5"):
        event_collection("FatJet", minimum=0)
