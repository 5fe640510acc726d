"""Trees of levels: events of jets of constituents, packed at once."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from awkward_jets import make_jets
from hypothesis import given, settings
from hypothesis import strategies as st
from random_jets import assert_same

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.tokens import Level, Packed, columns, flatten, jet_level, pack, token_level
from coffea_fm.tokens.levels import with_truth, without_ranges
from coffea_fm.tokens.pack import chosen_members, gather

CONSTITUENTS = token_level("constituents", ("pt", "eta", "d0"), minimum=1, maximum=3)


def events_with(
    fields: tuple[str, ...] = ("pt", "mass"), members: tuple[Level, ...] = (CONSTITUENTS,), **options: object
) -> Level:
    jets = jet_level(members, fields, name="FatJet", **{"order": "pt", "minimum": 2, "maximum": 3} | options)  # type: ignore[arg-type]
    return Level("event", members=(jets,))


LEVEL = events_with()
JETS = make_jets([4, 0, 2, 5, 1, 0, 3, 2], [2, 0, 3, 1, 2])


def pack_events(jets: ak.Array, level: Level = LEVEL) -> Packed:
    return pack(gather({"FatJet": jets}), level)[0]


def reference(jets: ak.Array, maximum: int) -> list[list[float]]:
    """pT of the jets that are read of each event, by plain Python."""
    return [sorted((pt for pt in event or [] if pt is not None), reverse=True)[:maximum] for event in jets.pt.to_list()]


@settings(deadline=None)
@given(
    per_event=st.lists(st.integers(0, 5), max_size=8),
    seed=st.integers(0, 99),
    cut=st.floats(0, 1),
    maximum=st.integers(1, 5),
)
def test_the_first_jets_of_every_event(per_event: list[int], seed: int, cut: float, maximum: int) -> None:
    jets = make_jets([2] * sum(per_event), per_event, seed)
    level = events_with(("pt",), (), minimum=1, maximum=maximum)
    odd = np.arange(len(per_event)) % 2 == 1
    for chosen in (jets, jets[jets.pt > cut], ak.mask(jets, jets.pt > cut), ak.mask(jets, odd), jets[:, ::-1]):
        members = pack_events(chosen, level).members["FatJet"]
        found = ak.unflatten(members.things.values[:, 0], members.counts).to_list() if len(members.counts) else []
        expected = reference(chosen, maximum)
        assert [len(event) for event in found] == [len(event) for event in expected]
        assert ak.flatten(ak.Array([*found, []])).to_list() == pytest.approx([pt for event in expected for pt in event])


def test_constituents_follow_their_jets() -> None:
    packed = pack_events(JETS)
    assert len(packed) == 5
    assert packed.members["FatJet"].counts.tolist() == [2, 0, 3, 1, 2]
    order = ak.argsort(JETS.pt, ascending=False, stable=True)
    expected, _ = pack(ak.flatten(JETS[order]), jet_level((CONSTITUENTS,), ("pt", "mass")))
    assert_same(packed.at(("FatJet",)), expected)


def test_stored_order_and_stable_ties() -> None:
    jets = ak.Array([[{"pt": 1.0, "mass": 0}, {"pt": 2.0, "mass": 1}, {"pt": 2.0, "mass": 2}]])
    by_pt = pack_events(jets, events_with(members=(), maximum=2)).at(("FatJet",))
    as_given = pack_events(jets, events_with(members=(), order="stored", maximum=2)).at(("FatJet",))
    assert by_pt.values[:, 1].tolist() == [1, 2]
    assert as_given.values[:, 1].tolist() == [0, 1]


def test_jets_and_constituents_that_are_not_read_are_not_looked_at() -> None:
    jets = ak.without_field(JETS, "constituents")
    packed = pack_events(jets, events_with(members=()))
    assert not packed.at(("FatJet",)).members
    np.testing.assert_array_equal(packed.at(("FatJet",)).values, pack_events(JETS).at(("FatJet",)).values)


def test_places_of_the_members_that_are_read() -> None:
    chosen = chosen_members(flatten(gather({"FatJet": JETS}))[0], LEVEL.members[0])
    assert chosen.stored.tolist() == [2, 0, 3, 1, 2]
    order = np.concatenate(
        [np.argsort(-np.asarray(event)) + start for event, start in zip(JETS.pt, (0, 2, 2, 5, 6), strict=True)]
    )
    np.testing.assert_array_equal(chosen.places, order)


def test_paths_and_what_is_not_there() -> None:
    assert set(columns(gather({"FatJet": JETS}), LEVEL)) == {
        ("FatJet", "constituents", "pt"),
        ("FatJet", "constituents", "eta"),
        ("FatJet", "constituents", "d0"),
        ("FatJet", "pt"),
        ("FatJet", "mass"),
    }
    with pytest.raises(InputError, match=r"reads event\.FatJet\.msoftdrop"):
        pack_events(JETS, events_with(("pt", "msoftdrop")))
    with pytest.raises(InputError, match="FatJet must be a list per parent"):
        pack_events(ak.flatten(JETS))
    with pytest.raises(InputError, match=r"FatJet, weight have different numbers of events"):
        gather({"FatJet": JETS, "weight": ak.Array([1.0, 2.0])})


def test_levels_are_found_by_name() -> None:
    assert [level.name for level in LEVEL.walk()] == ["event", "FatJet", "constituents"]
    assert LEVEL.path("constituents") == ("FatJet", "constituents")
    assert LEVEL.path("event") == ()
    assert LEVEL.find("constituents") is CONSTITUENTS
    for look in (LEVEL.path, LEVEL.find):
        with pytest.raises(KeyError):
            look("Jet")


def test_truth_stands_behind_the_fields_of_the_first_members() -> None:
    level = jet_level((CONSTITUENTS, token_level("vertices", ("pt",))), ("pt",))
    truth = with_truth(level, ("truthOrigin",))
    assert truth.members[0].names == ("pt", "eta", "d0", "truthOrigin")
    assert truth.members[0].missing_names == ("d0",)
    assert truth.members[1:] == level.members[1:]
    with pytest.raises(RecipeError, match=r"constituents\.charge is an input of models and cannot be truth"):
        with_truth(level, ("charge",))


def test_ranges_are_taken_off_every_level() -> None:
    ranged = LEVEL.map(lambda level: Level(**{**vars(level), "fields": tuple(map(with_range, level.fields))}))
    assert ranged != LEVEL
    assert without_ranges(ranged) == LEVEL


def with_range(field: object) -> object:
    return type(field)(**{**vars(field), "trained": (0.0, 1.0)})


def test_levels_that_contradict() -> None:
    with pytest.raises(RecipeError, match="unknown jet field 'msoftdorp'; did you mean 'msoftdrop'"):
        events_with(("pt", "msoftdorp"))
    with pytest.raises(RecipeError, match="unknown constituents field 'ptt'; did you mean 'pt'"):
        token_level("constituents", ("ptt",), order="stored")
    with pytest.raises(RecipeError, match="constituents are ordered by 'pt', which is not among their fields"):
        token_level("constituents", ("eta",))
    with pytest.raises(RecipeError, match="unknown tokens 'hits'"):
        token_level("hits", ("pt",))
    with pytest.raises(RecipeError, match="the minimum is 3 and the maximum 2"):
        events_with(minimum=3, maximum=2)
    with pytest.raises(RecipeError, match="the minimum is 0 and the maximum 0"):
        events_with(minimum=0, maximum=0)
