"""Schemas: ATLAS PHYSLITE."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.trace import trace_with_length_zero_array, trace_with_typetracer
from selection_checks import check_records, check_runner, check_selections, directory, fingerprint

from coffea_fm.errors import InputError
from coffea_fm.schemas.physlite import PHYSLITESchema, in_track_container

FILE = "real/PHYSLITE_example.root"
LINK_BRANCH = "AnalysisJetsAuxDyn.GhostTrack"

pytestmark = pytest.mark.filterwarnings("ignore:Skipping .* as it is")


def open_events(shared_data, start=None, stop=None, mode="virtual", **options):
    return NanoEventsFactory.from_root(
        directory(shared_data / FILE),
        treepath="CollectionTree",
        schemaclass=PHYSLITESchema,
        entry_start=start,
        entry_stop=stop,
        mode=mode,
        **options,
    ).events()


def read_by_loops(shared_data):
    """Constituents by following every link of the file in plain loops."""
    tree = directory(shared_data / FILE)["CollectionTree"]
    links = tree[LINK_BRANCH].array().tolist()
    names = ("phi", "theta", "qOverP", "d0", "z0", "vz", "definingParametersCovMatrixDiag")
    tracks = {name: tree[f"InDetTrackParticlesAuxDyn.{name}"].array().tolist() for name in names}
    vertex = {name: tree[f"PrimaryVerticesAuxDyn.{name}"].array().tolist() for name in ("z", "vertexType")}

    def constituent(event, position):
        track = {name: column[event][position] for name, column in tracks.items()}
        primary = next(z for z, kind in zip(vertex["z"][event], vertex["vertexType"][event], strict=True) if kind == 1)
        charge = np.sign(track["qOverP"])
        return {
            "pt": np.sin(track["theta"]) / abs(track["qOverP"]) / 1000,
            "eta": np.arctanh(np.cos(track["theta"])),
            "phi": track["phi"],
            "charge": charge,
            "pdgId": 211 * charge,
            "d0": track["d0"],
            "dz": track["z0"] + track["vz"] - primary,
            "d0_error": track["definingParametersCovMatrixDiag"][0] ** 0.5,
            "dz_error": track["definingParametersCovMatrixDiag"][1] ** 0.5,
        }

    return [
        [[constituent(event, link["m_persIndex"]) for link in jet if link["m_persKey"]] for jet in jets]
        for event, jets in enumerate(links)
    ]


@pytest.mark.parametrize("mode", ["virtual", "eager"])
def test_constituents_are_those_of_the_loops(shared_data, mode):
    jets = open_events(shared_data, mode=mode).Jets
    fields = ("pt", "eta", "phi", "charge", "pdgId", "d0", "dz", "d0_error", "dz_error")
    check_records(jets.constituents, read_by_loops(shared_data), fields, rtol=1e-5)
    counts = ak.num(jets.constituents, axis=2)
    assert (ak.count(jets.pt), ak.sum(counts > 0), ak.sum(counts)) == (881, 346, 1126)


def test_tracks_are_near_their_jet(shared_data):
    jets = open_events(shared_data).Jets
    distance = jets.uncorrected.delta_r(jets.constituents)
    assert ak.mean(distance < 0.4) > 0.99
    assert ak.max(distance) < 0.42  # anti-kT jets of R = 0.4 reach a little further along one axis


def test_units(shared_data):
    jets = open_events(shared_data).Jets
    tree = directory(shared_data / FILE)["CollectionTree"]
    scale = tree["AnalysisJetsAuxDyn.JetConstitScaleMomentum_pt"].array()
    assert ak.max(np.abs(jets.uncorrected.pt * 1000 / scale - 1)) < 1e-6
    assert ak.all(jets.pt == tree["AnalysisJetsAuxDyn.pt"].array())  # MeV, as all of the file
    assert 0.5 < ak.min(jets.constituents.pt) < 1
    assert abs(np.median(ak.drop_none(ak.flatten(jets.constituents.dz, axis=None)))) < 0.1


@pytest.mark.parametrize("name", ["AntiKt10UFOCSSKJets", "AntiKt10TruthSoftDropBeta100Zcut10Jets", "LargeRJets"])
def test_large_radius_jets_are_refused_by_name(shared_data, name):
    jets = open_events(shared_data)[name]
    with pytest.raises(InputError, match=f"{name} has no constituents"):
        _ = jets.constituents


def test_file_without_links_opens_and_refuses_at_use(shared_data):
    events = open_events(shared_data, iteritems_options={"filter_name": "/^(?!.*GhostTrack)/"})
    assert len(events.Jets.pt) == 100
    with pytest.raises(InputError, match="Jets has no constituents"):
        _ = events.Jets.constituents


def test_links_into_another_container_are_refused():
    index, key = np.array([4, 0, 7]), np.array([490246363, 0, 490246363], np.uint32)
    assert in_track_container.function(index, key, 490246363.0).tolist() == [4, -1, 7]
    with pytest.raises(InputError, match="1036585512"):
        in_track_container.function(index, np.array([490246363, 0, 1036585512], np.uint32), 490246363.0)


def test_selections_commute(shared_data):
    check_selections(lambda start, stop: open_events(shared_data, start, stop).Jets)


def test_runner(shared_data):
    path = shared_data / FILE
    check_runner(open_events(shared_data).Jets, path, "CollectionTree", "Jets", PHYSLITESchema, chunksize=60)


def test_tracing_names_the_branches(shared_data):
    events = open_events(shared_data)
    for trace in (trace_with_typetracer, trace_with_length_zero_array):
        touched = trace(lambda events: events.Jets["constituents"]["pt"] * 2, events, throw=True)
        assert {LINK_BRANCH, "InDetTrackParticlesAuxDyn.qOverP", "InDetTrackParticlesAuxDyn.theta"} <= touched
        assert "InDetTrackParticlesAuxDyn.d0" not in touched
    everything = trace_with_typetracer(lambda events: fingerprint(events.Jets), events, throw=True)
    assert {"InDetTrackParticlesAuxDyn.d0", "InDetTrackParticlesAuxDyn.definingParametersCovMatrixDiag"} <= everything
