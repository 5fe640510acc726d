"""Constituents of CMS jets through selections, files, processes and chunks."""

from __future__ import annotations

import pickle

import awkward as ak
import cloudpickle
import numpy as np
import pytest
from cms_files import CANONICAL, COLLECTIONS, FILES, LINKED, USED, open_events
from hypothesis import given, settings
from hypothesis import strategies as st
from selection_checks import check_runner, check_selections, fingerprint


@pytest.mark.parametrize(("name", "collection"), COLLECTIONS)
def test_any_function_of_constituents_commutes_with_any_selection(folder, name, collection):
    check_selections(lambda start, stop: open_events(folder, name, start, stop)[collection])


@pytest.mark.parametrize(("name", "collection"), [("pfnano.root", "FatJet"), ("nano_tt_v15.root", "FatJet")])
def test_random_selections(folder, name, collection):
    jets = open_events(folder, name)[collection]
    whole = ak.materialize(fingerprint(jets))
    counts, total = ak.num(jets), len(ak.flatten(whole))

    @given(st.data())
    @settings(max_examples=15, deadline=None)
    def commute(data):
        kept = data.draw(st.lists(st.booleans(), min_size=total, max_size=total))
        events = data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8))
        order = data.draw(st.permutations(range(total)))
        mask, keys = ak.unflatten(np.array(kept, bool), counts), ak.unflatten(np.array(order), counts)

        def select(x):
            return x[mask][ak.argsort(keys[mask], axis=1)][events]

        assert ak.to_list(fingerprint(select(jets))) == ak.to_list(select(whole))

    commute()


@pytest.mark.parametrize(("name", "collection"), [("pfnano.root", "FatJet"), ("nano_tt_v15.root", "FatJet")])
def test_round_trips(folder, tmp_path, name, collection):
    jets = open_events(folder, name)[collection]
    jets = jets[jets.pt > ak.mean(jets.pt)]
    expected = ak.to_list(fingerprint(jets))
    ak.to_parquet(jets[["pt", "constituents"]], tmp_path / "jets.parquet")
    assert ak.to_list(fingerprint(ak.from_parquet(tmp_path / "jets.parquet"))) == expected
    unpickled = pickle.loads(cloudpickle.dumps(ak.materialize(jets)))
    assert ak.to_list(fingerprint(unpickled)) == expected
    assert unpickled.constituents.fields == jets.constituents.fields


@pytest.mark.parametrize(("name", "collection"), [LINKED[0][:2], LINKED[4][:2]])
def test_runner(folder, name, collection):
    jets = open_events(folder, name)[collection]
    filtered = {"iteritems_options": {"filter_name": USED}}
    check_runner(jets, folder / name, "Events", collection, FILES[name], 4 if "pfnano" in name else 70, **filtered)


def test_chunks_of_two_files_and_collections_of_other_versions(folder):
    """Candidates of different formats concatenate by the fields that they share."""
    pfnano, v15 = (open_events(folder, name).FatJet for name in ("pfnano.root", "nano_tt_v15.root"))
    shared = list(CANONICAL)
    both = ak.concatenate([pfnano.constituents[shared], v15.constituents[shared]])
    expected = ak.concatenate([ak.sum(jets.constituents.pt, axis=-1) for jets in (pfnano, v15)])
    assert ak.to_list(ak.sum(both.pt, axis=-1)) == ak.to_list(expected)
