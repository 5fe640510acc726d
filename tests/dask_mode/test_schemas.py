"""CMS schemas in dask-awkward mode."""

from __future__ import annotations

import awkward as ak
import dask_awkward as dak
import pytest
from coffea.nanoevents import NanoEventsFactory

from coffea_fm.errors import InputError
from coffea_fm.schemas import NanoAODSchema, PFNanoAODSchema

FILES = {"pfnano.root": PFNanoAODSchema, "nano_tt_v15.root": NanoAODSchema, "nano_tt_v12.root": NanoAODSchema}


def open_events(shared_data, name, mode):
    path = str(shared_data / "real" / name)
    return NanoEventsFactory.from_root({path: "Events"}, schemaclass=FILES[name], mode=mode).events()


@pytest.mark.parametrize(("name", "field"), [("pfnano.root", "d0"), ("nano_tt_v15.root", "charge")])
def test_constituents_after_a_selection(shared_data, name, field):
    found, expected = (
        events.FatJet[events.FatJet.pt > 250].constituents[field]
        for events in (open_events(shared_data, name, "dask"), open_events(shared_data, name, "virtual"))
    )
    assert ak.to_list(found.compute()) == ak.to_list(expected)


def test_only_the_needed_branches_are_read(shared_data):
    events = open_events(shared_data, "pfnano.root", "dask")
    for jets in ("FatJet", "Jet"):
        (columns,) = dak.necessary_columns(events[jets].constituents["d0"]).values()
        links = {f"n{jets}", f"n{jets}PFCands", f"{jets}PFCands_jetIdx", f"{jets}PFCands_pFCandsIdx", "nPFCands"}
        assert columns == links | {"PFCands_d0", "PFCands_d0Err"}


def test_jets_without_links_are_refused(shared_data):
    events = open_events(shared_data, "nano_tt_v12.root", "dask")
    with pytest.raises(InputError, match="FatJet has no constituents"):
        _ = events.FatJet.constituents
