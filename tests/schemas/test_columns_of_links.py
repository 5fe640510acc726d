"""Columns that PFNano stores for a candidate or vertex as part of a jet, against a computation by hand."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

from coffea_fm.schemas import PFNanoAODSchema

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def file(shared_data):
    return shared_data / "real" / "pfnano.root"


@pytest.fixture(scope="module")
def branches(file):
    with uproot.open(file) as opened:
        return opened["Events"].arrays(
            filter_name=["FatJetPFCands_*", "FatJetSVs_*", "PFCands_eta", "SV_eta", "FatJet_eta"]
        )


@pytest.fixture(params=["virtual", "eager"])
def jets(request, file):
    opened = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, mode=request.param)
    return opened.events().FatJet


def of_jet(event, table, index, name, jet):
    rows = event[f"{table}_jetIdx"] == jet
    return event[f"{table}_{name}"][rows], event[f"{table}_{index}"][rows]


def test_candidates_have_the_columns_of_their_link(jets, branches):
    for event, of_event in zip(branches, jets, strict=True):
        for index, jet in enumerate(of_event):
            values, targets = of_jet(event, "FatJetPFCands", "pFCandsIdx", "btagEtaRel", index)
            assert jet.constituents.btagEtaRel.tolist() == values.tolist()
            assert jet.constituents["eta"].tolist() == event.PFCands_eta[targets].tolist()


def test_the_columns_follow_a_selection(jets, branches):
    flat = ak.flatten(jets[:, ::-1])
    chosen = flat[np.argsort(-ak.to_numpy(flat.pt))]
    total = ak.sum(chosen.constituents.btagPtRatio)
    assert total == pytest.approx(ak.sum(branches.FatJetPFCands_btagPtRatio), rel=1e-4)
    loudest = int(np.argmax(ak.to_numpy(flat.pt)))
    assert chosen[0].constituents.btagSip3dVal.tolist() == flat[loudest].constituents.btagSip3dVal.tolist()


def test_all_associated_vertices_are_there_and_know_which_were_kept(jets, branches):
    unkept = 0
    for event, of_event in zip(branches, jets, strict=True):
        for index, jet in enumerate(of_event):
            values, targets = of_jet(event, "FatJetSVs", "sVIdx", "dxysig", index)
            found = jet.associated_vertices
            assert found.dxysig.tolist() == values.tolist()
            expected = [event.SV_eta[target] if target >= 0 else None for target in targets]
            assert found["eta"].tolist() == expected
            assert len(jet.vertices) == sum(target >= 0 for target in targets)
            unkept += expected.count(None)
    assert unkept == 12


def test_fields_of_the_candidate_win_over_those_of_the_link(jets):
    assert "pFCandsIdx" not in jets.constituents.fields
    assert (
        ak.max(abs(jets.constituents["pt"] - jets.constituents.weight)) > 1
    )  # the weighted momentum, not the stored one
    assert set(jets.vertices.fields) >= {"normchi2", "costhetasvpv", "dxySig", "d3d"}
