"""Which branches of CMS files are read and when, and files that lack them."""

from __future__ import annotations

import awkward as ak
import pytest
from cms_files import open_events
from coffea.nanoevents.trace import trace_with_length_one_array, trace_with_length_zero_array, trace_with_typetracer
from selection_checks import fingerprint

from coffea_fm.errors import InputError

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
