"""Schemas: FCC and EDM4hep."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.trace import trace_with_length_zero_array, trace_with_typetracer
from selection_checks import check_records, check_runner, check_selections, closure, directory, fingerprint

from coffea_fm.errors import InputError
from coffea_fm.schemas.fcc import (
    FCC,
    FCCSchema,
    FCCSchemaEDM4hep1,
    covariance_size,
    in_one_collection,
    standard_deviation,
)

READABLE = {"filter_name": FCCSchema.readable_branches}
FILES = {
    "pre-edm4hep1": ("test_FCC_Winter2023.root", READABLE, 268),
    "edm4hep1": ("p8_ee_WW_ecm240_edm4hep.root", {}, 26),
}

pytestmark = [
    pytest.mark.filterwarnings("ignore:No matched collection for edm4hep"),
    pytest.mark.filterwarnings("ignore:Skipping PARAMETERS"),
]


@pytest.fixture(scope="module", params=FILES)
def version(request, shared_data):
    assert shared_data
    return request.param


def open_events(shared_data, version, start=None, stop=None, mode="virtual"):
    name, options, _ = FILES[version]
    return NanoEventsFactory.from_root(
        directory(shared_data / "real" / name),
        treepath="events",
        schemaclass=FCC.get_schema(version),
        iteritems_options=options,
        entry_start=start,
        entry_stop=stop,
        mode=mode,
    ).events()


def read_by_loops(shared_data, version):
    """Constituents by following every index of the file in plain loops."""
    old = version == "pre-edm4hep1"
    tree = directory(shared_data / "real" / FILES[version][0])["events"]

    def column(collection, member):
        return tree[f"{collection}/{collection}.{member}"].array().tolist()

    jets = {edge: column("Jet", f"particles_{edge}") for edge in ("begin", "end")}
    links = column("Jet#2" if old else "_Jet_particles", "index")
    of_track = column("ReconstructedParticles#1" if old else "_ReconstructedParticles_tracks", "index")
    state = "EFlowTrack_1" if old else "_EFlowTrack_trackStates"
    states = {name: column(state, name) for name in ("D0", "Z0")}
    covariance = column(state, "covMatrix[21]" if old else "covMatrix.values[21]")
    first_state = column("EFlowTrack", "trackStates_begin")
    members = ("momentum.x", "momentum.y", "momentum.z", "energy", "mass", "charge", "tracks_begin", "tracks_end")
    particles = {name: column("ReconstructedParticles", name) for name in (*members, "type" if old else "PDG")}

    def constituent(event, position):
        value = {name: column[event][position] for name, column in particles.items()}
        px, py, pz, charge = value["momentum.x"], value["momentum.y"], value["momentum.z"], value["charge"]
        if charge:
            species = {0.0005: -11, 0.1057: -13, 0.1396: 211}[round(value["mass"], 4)]
            identity = charge * species
        else:
            identity = value.get("type", value.get("PDG"))
        result = {
            "pt": np.hypot(px, py),
            "eta": np.arctanh(pz / np.sqrt(px**2 + py**2 + pz**2)),
            "phi": np.arctan2(py, px),
            "energy": value["energy"],
            "charge": charge,
            "pdgId": identity,
            "d0": None,
            "d0_error": None,
        }
        if value["tracks_end"] > value["tracks_begin"]:
            at = first_state[event][of_track[event][value["tracks_begin"]]]
            result["d0"] = states["D0"][event][at]
            result["d0_error"] = covariance[event][at][0] ** 0.5
        return result

    return [
        [[constituent(event, links[event][k]) for k in range(begin, end)] for begin, end in zip(*edges, strict=True)]
        for event, edges in enumerate(zip(jets["begin"], jets["end"], strict=True))
    ]


@pytest.mark.parametrize("mode", ["virtual", "eager"])
def test_constituents_are_those_of_the_loops(shared_data, version, mode):
    jets = open_events(shared_data, version, mode=mode).Jet
    assert ak.count(jets.pt) == FILES[version][2]
    fields = ("pt", "eta", "phi", "charge", "pdgId", "d0", "d0_error")
    check_records(jets.constituents, read_by_loops(shared_data, version), fields)
    assert "dz" not in jets.constituents.fields


def test_four_momentum_closes_exactly(shared_data, version):
    assert closure(open_events(shared_data, version).Jet) < 5e-7


def test_momentum_is_a_field(shared_data, version):
    events = open_events(shared_data, version)
    collection = directory(shared_data / "real" / FILES[version][0])["events"]
    px, py = (collection[f"Jet/Jet.momentum.{axis}"].array() for axis in "xy")
    assert {"pt", "eta", "phi", "mass"} <= set(events.Jet.fields)
    assert ak.max(np.abs(events.Jet["pt"] / np.hypot(px, py) - 1)) < 1e-6
    assert ak.max(np.abs(events.Jet.px - px)) < 1e-4
    assert (events.Jet + events.Jet).pt[0, 0] == pytest.approx(2 * events.Jet.pt[0, 0])


def test_selections_commute(shared_data, version):
    check_selections(lambda start, stop: open_events(shared_data, version, start, stop).Jet)


def test_runner_over_edm4hep1(shared_data):
    path = shared_data / "real" / FILES["edm4hep1"][0]
    jets = open_events(shared_data, "edm4hep1").Jet
    check_runner(jets, path, "events", "Jet", FCCSchemaEDM4hep1, chunksize=3)


def test_runner_over_files_before_edm4hep1(shared_data):
    path = shared_data / "real" / FILES["pre-edm4hep1"][0]
    jets = open_events(shared_data, "pre-edm4hep1").Jet
    check_runner(jets, path, "events", "Jet", FCCSchema, chunksize=40, iteritems_options=READABLE)


def test_tracing_names_the_branches(shared_data, version):
    events = open_events(shared_data, version)
    links = "Jet#2/Jet#2." if version == "pre-edm4hep1" else "_Jet_particles/_Jet_particles."
    momentum = {f"ReconstructedParticles/ReconstructedParticles.momentum.{axis}" for axis in "xy"}
    for trace in (trace_with_typetracer, trace_with_length_zero_array):
        touched = trace(lambda events: events.Jet["constituents"]["pt"] * 2, events, throw=True)
        assert momentum | {f"{links}index", f"{links}collectionID", "Jet/Jet.particles_begin"} <= touched
        assert not any("EFlow" in branch for branch in touched)
    everything = trace_with_typetracer(lambda events: fingerprint(events.Jet), events, throw=True)
    assert any("D0" in branch for branch in everything)


def test_particles_in_several_collections_are_refused():
    with pytest.raises(InputError, match="several collections"):
        in_one_collection.function(np.array([0, 1]), np.array([3, 4]))


@pytest.mark.parametrize("n_parameters", [5, 6])
def test_variances_are_found_with_and_without_the_time(n_parameters):
    matrices = np.arange(1.0, 3.0)[:, None, None] * np.diag(np.arange(1.0, n_parameters + 1) ** 2)
    packed = np.concatenate([matrix[np.tril_indices(n_parameters)] for matrix in matrices])
    size = covariance_size({"content": {"size": len(packed) // 2}})
    assert standard_deviation.function(packed, size, 0.0).tolist() == pytest.approx([1, 2**0.5])
    assert standard_deviation.function(packed, size, 9.0).tolist() == pytest.approx([4, 4 * 2**0.5])


@pytest.mark.parametrize("size", [10, 28, None])
def test_unknown_layouts_of_the_covariance_are_refused(size):
    with pytest.raises(InputError, match="15 or 21 are known"):
        covariance_size({"content": {"size": size}})


def test_unknown_version_is_refused():
    with pytest.raises(InputError, match="pre-edm4hep1"):
        FCC.get_schema("edm4hep2")
