"""Schemas of CMS PFNano and NanoAOD: constituents and vertices are those that the file stores."""

from __future__ import annotations

from functools import cache

import awkward as ak
import numpy as np
import pytest
from cms_files import CANONICAL, COLLECTIONS, LINKED, open_events
from selection_checks import check_records, directory, momentum

from coffea_fm.errors import InputWarning
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.schemas.cms import Link

IMPACT = ("d0", "d0_error", "dz", "dz_error")


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
