"""Schemas: CMS PFNano and NanoAOD."""

from __future__ import annotations

import pickle
from functools import cache

import awkward as ak
import cloudpickle
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.trace import trace_with_length_one_array, trace_with_length_zero_array, trace_with_typetracer
from hypothesis import given, settings
from hypothesis import strategies as st
from selection_checks import check_records, check_runner, check_selections, directory, fingerprint, momentum

from coffea_fm.errors import InputError, InputWarning
from coffea_fm.schemas import NanoAODSchema, PFNanoAODSchema
from coffea_fm.schemas.cms import Link

CANONICAL = ("pt", "eta", "phi", "mass", "charge", "pdgId")
IMPACT = ("d0", "d0_error", "dz", "dz_error")
FILES = {
    "pfnano.root": PFNanoAODSchema,
    "pfnano_rntuple.root": PFNanoAODSchema,
    "nano_tt_v15.root": NanoAODSchema,
    "nano_tt_v12.root": NanoAODSchema,
    "nano_dy_empty.root": NanoAODSchema,
}
LINKED = [
    ("pfnano.root", "FatJet", "FatJetPFCands", "PFCands", "pFCandsIdx"),
    ("pfnano.root", "Jet", "JetPFCands", "PFCands", "pFCandsIdx"),
    ("pfnano_rntuple.root", "FatJet", "FatJetPFCands", "PFCands", "pFCandsIdx"),
    ("pfnano_rntuple.root", "Jet", "JetPFCands", "PFCands", "pFCandsIdx"),
    ("nano_tt_v15.root", "FatJet", "FatJetPFCand", "PFCand", "pfCandIdx"),
]
COLLECTIONS = [linked[:2] for linked in LINKED]


USED = (  # these files have up to 3,000 branches
    "/(run|luminosityBlock|event|n?(Fat|Gen)?Jet(AK8)?(_(pt|eta|phi|mass|rawFactor))?|n?(PF|Gen)Cands?(_.*)?"
    "|n?(Fat|Gen|GenFat)?Jet(PF|SV|Cand).*|n?SV(_.*)?)/"
)


def open_events(folder, name, start=None, stop=None, mode="virtual", branches=USED, schema=None, **options):
    return NanoEventsFactory.from_root(
        directory(folder / name),
        treepath="Events",
        schemaclass=schema or FILES[name],
        entry_start=start,
        entry_stop=stop,
        mode=mode,
        iteritems_options={"filter_name": branches},
        **options,
    ).events()


@pytest.fixture(scope="module")
def folder(shared_data):
    return shared_data / "real"


@cache
def stored(path, names):
    return ak.to_list(directory(path)["Events"].arrays(list(names)))


def read_by_hand(folder, name, jets, table, targets, index):
    """Lists of candidates, as dicts, by looping over the stored tables."""
    present = set(directory(folder / name)["Events"].keys())
    columns = ["pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0Err", "dz", "dzErr", "puppiWeight"]
    columns = [column for column in columns if f"{targets}_{column}" in present]
    names = (f"{jets}_pt", f"{table}_jetIdx", f"{table}_{index}", *(f"{targets}_{column}" for column in columns))
    result = []
    for event in stored(folder / name, names):
        lists = [[] for _ in event[f"{jets}_pt"]]
        for jet, position in zip(event[f"{table}_jetIdx"], event[f"{table}_{index}"], strict=True):
            lists[jet].append(canonical({column: event[f"{targets}_{column}"][position] for column in columns}, table))
        result.append(lists)
    return result


def canonical(candidate, table):
    """One stored candidate in canonical fields, by rules written out a second time."""
    weight = candidate["puppiWeight"] if table == "FatJetPFCands" else 1.0
    species = {211: 211, 130: 130, 22: 22, 11: 11, 13: 13, 1: 130, 2: 22}[abs(candidate["pdgId"])]
    sign = np.sign(candidate["pdgId"])
    charge = {211: sign, 11: -sign, 13: -sign}.get(species, 0)
    assert candidate.get("charge", charge) == charge
    result = {
        "pt": candidate["pt"] * weight,
        "eta": candidate["eta"],
        "phi": candidate["phi"],
        "mass": max(candidate["mass"], 0.0) * weight,
        "charge": charge,
        "pdgId": species * sign if charge else species,
    }
    for name in ("d0", "dz") if "d0" in candidate else ():
        has_track = candidate[f"{name}Err"] != -1
        result[name] = 10 * candidate[name] if has_track else None
        result[f"{name}_error"] = 10 * candidate[f"{name}Err"] if has_track else None
    return result


@pytest.mark.parametrize(
    ("linked", "mode"), [(linked, "virtual") for linked in LINKED] + [(LINKED[0], "eager"), (LINKED[4], "eager")]
)
def test_constituents_are_the_stored_ones(folder, linked, mode):
    name, jets = linked[:2]
    constituents = open_events(folder, name, mode=mode)[jets].constituents
    fields = CANONICAL + (IMPACT if "pfnano" in name else ())
    check_records(constituents, read_by_hand(folder, *linked), fields)
    for field in set(IMPACT) - set(fields):
        assert field not in constituents.fields


CLOSURE = {  # largest deviation of the summed momentum from the uncorrected jet: pt relative, mass in GeV
    ("pfnano.root", "FatJet"): (0.0030, 0.4),
    ("pfnano.root", "Jet"): (0.0025, 0.1),
    ("pfnano_rntuple.root", "FatJet"): (0.0030, 0.4),
    ("pfnano_rntuple.root", "Jet"): (0.0025, 0.1),
    ("nano_tt_v15.root", "FatJet"): (0.0025, 0.25),
}


@pytest.mark.parametrize(("name", "collection"), COLLECTIONS)
def test_closure_on_the_uncorrected_jet(folder, name, collection, record_property):
    jets = ak.flatten(open_events(folder, name)[collection])
    empty = ak.num(jets.constituents) == 0
    assert ak.sum(empty) == (2 if name == "nano_tt_v15.root" else 0)
    jets = jets[~empty]
    components = momentum(jets.constituents)
    px, py, pz, energy = (ak.to_numpy(ak.sum(components[part], axis=-1)) for part in ("px", "py", "pz", "energy"))
    ratio = np.hypot(px, py) / ak.to_numpy(jets.uncorrected.pt)
    mass = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0)) - ak.to_numpy(jets.uncorrected.mass)
    record_property("pt ratio, median", float(np.median(ratio)))
    record_property("pt ratio, largest deviation", float(np.abs(ratio - 1).max()))
    pt_tolerance, mass_tolerance = CLOSURE[name, collection]
    assert np.abs(ratio - 1).max() < pt_tolerance
    assert np.abs(mass).max() < mass_tolerance
    # the corrected momentum would not close: this test can tell
    assert np.abs(np.hypot(px, py) / ak.to_numpy(jets.pt) - 1).max() > 5 * pt_tolerance


def test_the_wrong_weight_would_not_close(folder):
    events = open_events(folder, "pfnano.root")
    fat, small = (ak.flatten(events[name].constituents, axis=2) for name in ("FatJet", "Jet"))
    assert ak.min(fat.weight) > 0
    weighted = ak.sum((events.Jet.constituents * events.Jet.constituents.weight).pt, axis=-1)
    assert ak.min(weighted / events.Jet.uncorrected.pt) < 0.5
    assert ak.sum(small.weight == 0) == 660


class WeightedJets(PFNanoAODSchema):
    constituent_links = (Link("Jet", "JetPFCands", "PFCands", "pFCandsIdx", weight="puppiWeight"),)


def test_jets_clustered_with_puppi_by_their_title_are_warned_of(folder):
    def titled(schema):
        def build(form):
            counts = form["contents"][form["fields"].index("nJet")]
            counts["parameters"]["__doc__"] = "slimmedJetsPuppi, i.e. ak4 PFJets Puppi with JECs applied"
            return schema(form)

        return build

    with pytest.warns(InputWarning, match="Jet are clustered with PUPPI"):
        open_events(folder, "pfnano.root", schema=titled(PFNanoAODSchema))
    jets = open_events(folder, "pfnano.root", schema=titled(WeightedJets)).Jet
    plain = open_events(folder, "pfnano.root").Jet
    assert ak.to_list(jets.constituents["pt"]) == ak.to_list(plain.constituents["pt"] * plain.constituents.weight)


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


PF_LINKS = {"nFatJet", "nFatJetPFCands", "nPFCands", "FatJetPFCands_jetIdx", "FatJetPFCands_pFCandsIdx"}


@pytest.mark.parametrize(
    "trace",
    [trace_with_typetracer, trace_with_length_zero_array, trace_with_length_one_array],
    ids=lambda f: f.__name__,
)
def test_tracing_reports_the_branches_that_are_read(folder, trace):
    events = open_events(folder, "pfnano.root")

    def fields(*names):
        return trace(lambda e: [e.FatJet["constituents"][name] * 1 for name in names], events, throw=True)

    assert fields("pt") == PF_LINKS | {"PFCands_pt", "PFCands_puppiWeight"}
    assert fields("d0") == PF_LINKS | {"PFCands_d0", "PFCands_d0Err"}
    assert trace(lambda e: e.FatJet["uncorrected"]["pt"] * 1, events, throw=True) == {
        "nFatJet",
        "FatJet_pt",
        "FatJet_rawFactor",
    }


def test_nothing_is_read_before_it_is_used(folder):
    log = []
    events = open_events(folder, "pfnano.root", access_log=log)
    jets = events.FatJet[:, :1]
    assert not {entry.branch for entry in log} - {"nFatJet"}
    ak.materialize(jets.constituents["phi"])
    assert {entry.branch for entry in log} == PF_LINKS | {"PFCands_phi"}


@pytest.mark.parametrize("mode", ["virtual", "eager"])
@pytest.mark.parametrize("name", ["nano_tt_v12.root", "nano_dy_empty.root"])
def test_files_without_links_open_and_refuse_at_use(folder, name, mode):
    events = open_events(folder, name, mode=mode)
    assert "constituents" not in events.FatJet.fields
    assert len(events.FatJet.uncorrected.pt) == len(events)
    with pytest.raises(InputError, match=r"FatJet has no constituents: .* link these jets to particles"):
        _ = events.FatJet.constituents
    with pytest.raises(InputError, match="FatJet has no vertices"):
        _ = events.FatJet[events.FatJet.pt > 0].vertices
    if len(ak.flatten(events.FatJet)):
        with pytest.raises(InputError, match="FatJet has no constituents"):
            _ = ak.flatten(events.FatJet)[0].constituents


def test_no_events(folder):
    events = open_events(folder, "pfnano.root", 3, 3)
    assert len(events) == 0
    assert ak.to_list(fingerprint(events.FatJet)) == []
    assert ak.to_list(events.FatJet.vertices.d3d) == []


def test_generated_jets(folder):
    jets = ak.flatten(open_events(folder, "pfnano.root").GenJetAK8)
    components = momentum(jets.constituents)
    px, py = (ak.sum(components[part], axis=-1) for part in ("px", "py"))
    assert ak.max(np.abs(np.hypot(px, py) / jets.pt - 1)) < 2e-4


@pytest.mark.parametrize("collection", ["FatJet", "Jet"])
def test_vertices(folder, collection):
    """The table repeats the vertex's own numbers: they must agree with those that the link leads to."""
    events = open_events(folder, "pfnano.root")
    jets, table = events[collection], events[f"{collection}SVs"]
    table = table[table.sVIdx >= 0]
    vertices = jets.vertices
    assert ak.to_list(ak.num(vertices, axis=2)) == [
        [int(np.sum(ak.to_numpy(row) == jet)) for jet in range(count)]
        for row, count in zip(table.jetIdx, ak.num(jets), strict=True)
    ]
    flat, rows = ak.flatten(ak.flatten(vertices)), ak.flatten(table)
    assert ak.to_list(flat["pt"]) == ak.to_list(rows.pt)
    assert ak.to_list(flat.n_tracks) == ak.to_list(rows.ntracks)
    np.testing.assert_allclose(ak.drop_none(flat.d3d), 10 * rows.d3d, rtol=1e-6)
    np.testing.assert_allclose(ak.drop_none(flat.d3d_significance), rows.d3dsig, rtol=1e-6)
    np.testing.assert_allclose(ak.drop_none(flat.chi2), rows.chi2, rtol=0.005)
    assert ak.max(vertices.p4.delta_r(jets)) < (0.8 if collection == "FatJet" else 0.4)


def test_fields_of_the_format_stay_readable(folder):
    events = open_events(folder, "pfnano.root")
    fields = events.FatJet.constituents.fields
    assert {"trkQuality", "pvAssocQuality", "puppiWeightNoLep", "stored_index"} <= set(fields)
    assert not {"d0Err", "dzErr", "puppiWeight"} & set(fields)  # under canonical names, in mm
    assert "d0Err" in events.PFCands.fields
    assert "constituents" in events.FatJet.fields
    charge = open_events(folder, "nano_tt_v15.root").PFCand.charge
    assert set(np.unique(ak.flatten(charge))) == {-1.0, 0.0, 1.0}
