"""Schemas: skims of CMS files."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory
from selection_checks import directory, fingerprint

from coffea_fm.errors import InputError
from coffea_fm.schemas import NanoAODSchema, PFNanoAODSchema, write_skim

FILES = {"pfnano.root": PFNanoAODSchema, "nano_tt_v15.root": NanoAODSchema, "nano_dy_empty.root": NanoAODSchema}
KEPT = ["FatJet", "Jet", "SubJet", "Electron", "Muon", "MET", "PSWeight", "GenJetAK8"]


def open_events(path, schema):
    return NanoEventsFactory.from_root(directory(path), treepath="Events", schemaclass=schema).events()


@pytest.fixture(params=list(FILES))
def selected(request, shared_data):
    """Every second event; wide jets of some momentum, in order of |eta|; hard narrow jets."""
    events = open_events(shared_data / "real" / request.param, FILES[request.param])[::2]
    wide = events.FatJet[events.FatJet.pt > 250]
    events["FatJet"] = wide[ak.argsort(np.abs(wide.eta), axis=1)]
    events["Jet"] = events.Jet[events.Jet.pt > 40]
    return events, FILES[request.param]


def skim(events, schema, path, **options):
    left_out = write_skim(path, events, **options)
    return open_events(path, schema), left_out


def same(first, second):
    return ak.to_list(first) == ak.to_list(second)


def test_jets_keep_their_constituents_and_vertices(selected, tmp_path):
    events, schema = selected
    found, left_out = skim(events, schema, tmp_path / "skim.root", collections=[x for x in KEPT if x in events.fields])
    if "MET" in events.fields:
        assert same(found.MET.pt, events.MET.pt)
    if "PSWeight" in events.fields:
        assert same(found.PSWeight, events.PSWeight)
    assert same(found.event, events.event)
    assert not any("associated_vertices" in name for name in left_out)
    for name in ("FatJet", "Jet"):
        wanted = events[name]
        assert same(found[name].uncorrected.pt, wanted.uncorrected.pt)
        assert ("constituents" in found[name].fields) == ("constituents" in wanted.fields)
        for group in {"constituents", "vertices", "associated_vertices"} & set(wanted.fields):
            assert set(found[name][group].fields) == set(wanted[group].fields)
            for field in set(wanted[group].fields) - {"stored_index"}:
                assert same(found[name][group][field], wanted[group][field]), (name, group, field)


def test_references_between_other_collections(selected, tmp_path):
    events, schema = selected
    found, left_out = skim(events, schema, tmp_path / "skim.root", collections=[x for x in KEPT if x in events.fields])
    matched = events.Electron.matched_jet  # resolved in the whole file
    expected = ak.mask(matched.pt, ak.fill_none(matched.pt > 40, False))
    assert same(found.Electron.matched_jet.pt, expected)
    assert same(found.FatJet.subjets.pt, events.FatJet.subjets.pt)
    assert "Electron_genPartIdx" in left_out
    assert "genPartIdx" not in found.Electron.fields


def test_candidates_of_no_jet_are_dropped(shared_data, tmp_path):
    events = open_events(shared_data / "real" / "pfnano.root", PFNanoAODSchema)
    events["FatJet"] = events.FatJet[:, :1]
    found, _ = skim(events, PFNanoAODSchema, tmp_path / "skim.root", collections=["FatJet"])
    assert same(ak.num(found.PFCands), ak.flatten(ak.num(events.FatJet.constituents, axis=2)))
    assert "JetPFCands" not in found.fields
    again, _ = skim(found[::2], PFNanoAODSchema, tmp_path / "again.root")  # a skim of a skim, all of its collections
    assert same(fingerprint(again.FatJet), fingerprint(events.FatJet[::2]))


def test_no_event_is_left(shared_data, tmp_path):
    events = open_events(shared_data / "real" / "pfnano.root", PFNanoAODSchema)[:0]
    found, _ = skim(events, PFNanoAODSchema, tmp_path / "skim.root", collections=["FatJet"])
    assert len(found) == 0
    assert same(fingerprint(found.FatJet), [])


def test_a_skim_without_new_indices_would_be_refused(shared_data, tmp_path):
    """What write_skim is for: the same selection written by hand does not read back."""
    events = open_events(shared_data / "real" / "pfnano.root", PFNanoAODSchema)
    events = events[ak.num(events.FatJet) > 1]
    branches = {
        "run": events.run,
        "luminosityBlock": events.luminosityBlock,
        "event": events.event,
        "FatJet": events.FatJet[:, :1][["pt", "eta", "phi", "mass"]],
        "FatJetPFCands": events.FatJetPFCands[["jetIdx", "pFCandsIdx"]],
        "PFCands": events.PFCands[["pt", "eta", "phi", "mass", "charge", "pdgId"]],
    }
    packed = {
        name: ak.zip({field: plain(array[field]) for field in array.fields}) if array.fields else plain(array)
        for name, array in branches.items()
    }
    with uproot.recreate(tmp_path / "by_hand.root") as file:
        file.mktree("Events", {name: array.type.content for name, array in packed.items()}).extend(packed)
    found = open_events(tmp_path / "by_hand.root", PFNanoAODSchema)
    assert len(found.FatJet.pt) == len(events)
    with pytest.raises(InputError, match=r"FatJetPFCands: .* do not resolve"):
        ak.materialize(found.FatJet.constituents.eta)


def plain(array):
    return ak.to_packed(ak.without_parameters(array))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda jets: ak.pad_none(jets, 3), "FatJet contains None"),
        (lambda jets: jets[:, [0, 0]], "FatJet contains an element twice"),
        (lambda jets: jets[["pt", "eta", "phi", "mass", "charge", "constituents"]], "FatJet has no stored_index"),
        (
            lambda jets: ak.with_field(jets, jets.constituents[jets.constituents.pt > 5], "constituents"),
            "the constituents of some FatJet were changed",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_no_file(shared_data, tmp_path, change, message):
    events = open_events(shared_data / "real" / "pfnano.root", PFNanoAODSchema)
    events = events[ak.num(events.FatJet) > 0]
    events["FatJet"] = change(events.FatJet)
    with pytest.raises(InputError, match=message):
        write_skim(tmp_path / "skim.root", events, collections=["FatJet"])
    assert not list(tmp_path.iterdir())


def test_unknown_collection(shared_data, tmp_path):
    events = open_events(shared_data / "real" / "pfnano.root", PFNanoAODSchema)
    with pytest.raises(InputError, match="cannot keep FatJets: the events have no such collection"):
        write_skim(tmp_path / "skim.root", events, collections=["FatJets"])
