"""The jets of the benchmark, with the lengths that simulated jets have."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
from coffea.nanoevents import NanoEventsFactory

from coffea_fm.schemas import JetClassSchema
from coffea_fm.tokens import jet_level, token_level

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "jets"
CONSTITUENT_FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
JET_FIELDS = ("pt", "eta", "phi", "mass")
LEVEL = jet_level((token_level("constituents", CONSTITUENT_FIELDS, minimum=1),), ("pt_raw", "eta", "phi", "mass_raw"))


def load_jets(n_jets: int) -> ak.Array:
    """Jets of ten classes in equal parts, mixed, in events of two; all in memory."""
    files = sorted(FOLDER.glob("*.root"))
    if not files:
        raise FileNotFoundError(f"no jets at {FOLDER}")
    parts = []
    for file in files:
        events = NanoEventsFactory.from_root(
            {str(file): "tree"}, schemaclass=JetClassSchema, mode="eager", entry_stop=n_jets // len(files)
        ).events()
        jets = ak.flatten(events.Jet)
        fields = {name: jets[name] for name in JET_FIELDS}
        constituents = ak.zip({name: jets.constituents[name] for name in CONSTITUENT_FIELDS})
        parts.append(ak.zip(fields | {"constituents": constituents}, depth_limit=1))
    jets = ak.concatenate(parts)
    mixed = jets[np.random.default_rng(0).permutation(len(jets))]
    return ak.unflatten(ak.to_packed(mixed), np.full(len(mixed) // 2, 2))
