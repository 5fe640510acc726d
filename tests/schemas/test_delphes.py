"""Schemas: Delphes."""

from __future__ import annotations

from functools import cache

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.trace import trace_with_length_zero_array, trace_with_typetracer
from selection_checks import check_records, check_runner, check_selections, closure, directory, fingerprint, momentum

from coffea_fm.errors import InputError
from coffea_fm.schemas.delphes import DelphesSchema

ENERGY_FLOW = ("EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron")
PLAIN, PILE_UP = "delphes.root", "events_delphes_example.root"
COLLECTIONS = [
    (PLAIN, "Jet", ENERGY_FLOW),
    (PLAIN, "ParticleFlowJet08", ENERGY_FLOW),
    (PLAIN, "CaloJet04", ("Tower",)),
    (PLAIN, "TrackJet15", ("Track",)),
    (PLAIN, "GenJet", ("Particle",)),
    (PILE_UP, "JetPUPPI", ("ParticleFlowCandidate",)),
    (PILE_UP, "JetPUPPIAK8", ("ParticleFlowCandidate",)),
    (PILE_UP, "GenJetAK8", ("Particle",)),
]
UNRESOLVED = ("Jet", "JetAK8", "JetAK15")


class CandidateJets(DelphesSchema):
    """As if AK8 jets without PUPPI had been clustered from the stored candidates."""

    constituent_collections = {"JetAK8": ("ParticleFlowCandidate",)}


def open_events(shared_data, name, start=None, stop=None, mode="virtual", schema=DelphesSchema, **options):
    return NanoEventsFactory.from_root(
        directory(shared_data / "real" / name),
        treepath="Delphes",
        schemaclass=schema,
        entry_start=start,
        entry_stop=stop,
        mode=mode,
        **options,
    ).events()


@cache
def read_by_loops(shared_data, name, jets, targets):
    """All references of the jets by plain loops over the events, those of no momentum included."""
    tree = directory(shared_data / "real" / name)["Delphes"]

    def column(collection, member):
        branch = f"{collection}/{collection}.{member}"
        return tree[branch].array().tolist() if branch in tree else None

    references = tree[f"{jets}/{jets}.Constituents"].array().refs.tolist()
    members = (
        "fUniqueID",
        "PT",
        "ET",
        "Eta",
        "CtgTheta",
        "Phi",
        "Mass",
        "Charge",
        "PID",
        "D0",
        "ErrorD0",
        "DZ",
        "ErrorDZ",
    )
    stored = {target: {member: column(target, member) for member in members} for target in targets}
    vertex = {member: column("Vertex", member) for member in ("Z", "SumPT2")}
    result = []
    for event, lists in enumerate(references):
        known = {}
        for target, columns in stored.items():
            for position, number in enumerate(columns["fUniqueID"][event]):
                value = {member: values[event][position] for member, values in columns.items() if values is not None}
                assert number & 0xFFFFFF not in known
                known[number & 0xFFFFFF] = canonical(target, value)
                if vertex["Z"]:
                    known[number & 0xFFFFFF]["primary"] = vertex["Z"][event][int(np.argmax(vertex["SumPT2"][event]))]
        result.append([[with_primary(known[number]) for number in numbers] for numbers in lists])
    return result


def canonical(target, value):
    charge = value.get("Charge", 0)
    pid = value.get("PID", 22 if target == "EFlowPhoton" else 130)
    if abs(pid) not in (11, 13):
        pid = 211 * charge if charge else (22 if pid == 22 else 130)
    candidate = target == "ParticleFlowCandidate"
    return {
        "pt": value.get("PT", value.get("ET")),
        "eta": np.arcsinh(value["CtgTheta"]) if candidate else value["Eta"],
        "phi": value["Phi"],
        "mass": max(value.get("Mass", 0.0), 0.0),
        "charge": charge,
        "pdgId": pid,
        "d0": value.get("D0") if charge else None,
        "dz": value.get("DZ") if charge else None,
        "d0_error": (value.get("ErrorD0") or None) if charge else None,
        "dz_error": (value.get("ErrorDZ") or None) if charge else None,
    }


def with_primary(value):
    return value if value["dz"] is None else {**value, "dz": value["dz"] - value.get("primary", 0.0)}


def with_momentum(events):
    return [[[value for value in jet if value["pt"] > 0] for jet in jets] for jets in events]


@pytest.mark.parametrize(("name", "mode"), [(PLAIN, "virtual"), (PILE_UP, "virtual"), (PILE_UP, "eager")])
def test_constituents_are_those_of_the_loops(shared_data, name, mode):
    events = open_events(shared_data, name, mode=mode)
    for _, jets, targets in [row for row in COLLECTIONS if row[0] == name]:
        constituents = events[jets].constituents
        fields = ["pt", "eta", "phi", "mass"]
        fields += [] if targets == ("Tower",) else ["charge", "pdgId"]
        fields += [] if targets in (("Tower",), ("Particle",)) else ["d0", "dz", "d0_error", "dz_error"]
        expected = with_momentum(read_by_loops(shared_data, name, jets, targets))
        check_records(constituents, expected, tuple(fields), rtol=1e-5)
        assert {"d0", "dz", "charge", "pdgId"} & set(fields) == {"d0", "dz", "charge", "pdgId"} & set(
            constituents.fields
        )


@pytest.mark.parametrize(("name", "jets", "targets"), COLLECTIONS)
def test_four_momentum_closes_exactly(shared_data, name, jets, targets):
    collection = open_events(shared_data, name)[jets]
    assert closure(collection, ("px", "py", "pz")) < 6e-7
    lost = [
        [sum(value["mass"] for value in jet if value["pt"] == 0) for jet in event]
        for event in read_by_loops(shared_data, name, jets, targets)
    ]  # Delphes adds the rest energy of candidates without momentum, which are no constituents
    energy = ak.sum(momentum(collection.constituents).energy, axis=-1) + ak.Array(lost)
    assert ak.max(np.abs(energy / momentum(collection).energy - 1)) < 7e-6


def test_candidates_without_momentum_are_left_out(shared_data):
    jets = open_events(shared_data, PILE_UP).JetPUPPIAK8
    stored = ak.num(jets.Constituents.refs, axis=2)
    assert ak.sum(stored) == 909
    assert ak.sum(ak.num(jets.constituents, axis=2)) == 909 - 137
    assert ak.min(jets.constituents.pt) > 0


def test_errors_of_zero_are_missing(shared_data):
    constituents = open_events(shared_data, PLAIN).Jet.constituents
    assert ak.all(ak.is_none(constituents.d0_error, axis=2))
    assert ak.all(ak.is_none(constituents.d0, axis=2) == (constituents.charge == 0))


def test_dz_is_from_the_primary_vertex(shared_data):
    constituents = open_events(shared_data, PILE_UP).JetPUPPIAK8.constituents
    far = np.abs(ak.drop_none(ak.flatten(constituents.DZ[constituents.charge != 0], axis=None)))
    near = np.abs(ak.drop_none(ak.flatten(constituents.dz, axis=None)))
    assert np.median(near) < 0.1
    assert np.median(far) > 10


def test_soft_drop_mass(shared_data):
    tree = directory(shared_data / "real" / PILE_UP)["Delphes"]
    stored = tree["JetPUPPIAK8/JetPUPPIAK8.SoftDroppedJet"].array()
    squared = stored.fE**2 - stored.fP.fX**2 - stored.fP.fY**2 - stored.fP.fZ**2
    events = open_events(shared_data, PILE_UP)
    np.testing.assert_allclose(ak.flatten(events.JetPUPPIAK8.msoftdrop), ak.flatten(np.sqrt(squared)), rtol=1e-6)
    assert ak.all(ak.is_none(events.JetPUPPI.msoftdrop, axis=1))


@pytest.mark.parametrize("name", UNRESOLVED)
def test_jets_whose_constituents_are_not_stored_are_refused_by_name(shared_data, name):
    jets = open_events(shared_data, PILE_UP)[name]
    assert ak.all(jets.pt > 0)
    with pytest.raises(InputError, match=f"{name} has no constituents"):
        _ = jets.constituents


def test_references_that_match_nothing_are_refused_by_name(shared_data):
    jets = open_events(shared_data, PILE_UP, schema=CandidateJets).JetAK8
    with pytest.raises(InputError, match=r"JetAK8\.Constituents: 1102 of 1118 references match nothing"):
        ak.materialize(jets.constituents.pt)


def test_file_without_references_opens_and_refuses_at_use(shared_data):
    without = {"filter_name": "/^(?!.*Constituents)/"}
    events = open_events(shared_data, PLAIN, iteritems_options=without)
    assert ak.all(events.Jet.pt > 0)
    with pytest.raises(InputError, match="Jet has no constituents"):
        _ = events.Jet.constituents


@pytest.mark.parametrize(("name", "jets"), [(PLAIN, "Jet"), (PILE_UP, "JetPUPPI")])
def test_selections_commute(shared_data, name, jets):
    check_selections(lambda start, stop: open_events(shared_data, name, start, stop)[jets])


def test_runner(shared_data):
    path = shared_data / "real" / PILE_UP
    jets = open_events(shared_data, PILE_UP).JetPUPPI
    check_runner(jets, path, "Delphes", "JetPUPPI", DelphesSchema, chunksize=6)


def test_tracing_names_the_branches(shared_data):
    events = open_events(shared_data, PLAIN)
    for trace in (trace_with_typetracer, trace_with_length_zero_array):
        touched = trace(lambda events: events.Jet["constituents"]["pt"] * 2, events, throw=True)
        assert {"Jet/Jet.Constituents", "EFlowTrack/EFlowTrack.PT", "EFlowPhoton/EFlowPhoton.ET"} <= touched
        assert not any("D0" in branch for branch in touched)
    everything = trace_with_typetracer(lambda events: fingerprint(events.Jet), events, throw=True)
    assert {"EFlowTrack/EFlowTrack.D0", "EFlowTrack/EFlowTrack.ErrorDZ"} <= everything
