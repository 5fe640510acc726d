"""The real CMS files of the tests of schemas, and how to open them."""

from __future__ import annotations

from coffea.nanoevents import NanoEventsFactory
from selection_checks import directory

from coffea_fm.schemas import NanoAODSchema, PFNanoAODSchema

CANONICAL = ("pt", "eta", "phi", "mass", "charge", "pdgId")
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
