"""Files of simulated jets as NanoAOD with candidates, in the names and units of PFNano."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from coffea_fm.simulation.fine_classes import fine_labels
from coffea_fm.simulation.nano_columns import nano_candidates, nano_partons
from coffea_fm.simulation.pairing import PAIRING
from coffea_fm.simulation.quantise import quantise


def write_nano(path: Path, jets: ak.Array, run: int, block: int) -> None:
    """Write jets as NanoAOD with candidates, in the names and units (cm) of PFNano.

    Parameters
    ----------
    path : Path
        The ROOT file to write.
    jets : awkward.Array
        Jets of `coffea_fm.simulation.sample.simulate`; those of one event are adjacent. All simulations of a hard process
        make one event, whose jets have the columns ``pair`` and ``variation``.
    run, block : int
        Numbers of the run and the luminosity block.
    """
    _, first, n_jets = np.unique(ak.to_numpy(jets.event), return_index=True, return_counts=True)
    n_events = len(first)
    constituents = jets.constituents
    n_constituents = ak.to_numpy(ak.num(constituents))
    n_candidates = np.add.reduceat(n_constituents, first)
    jet_in_event = np.arange(len(jets)) - np.repeat(first, n_jets)
    candidate_in_event = np.arange(n_candidates.sum()) - np.repeat(np.cumsum(n_candidates) - n_candidates, n_candidates)
    tree = {
        "run": np.full(n_events, run, np.uint32),
        "luminosityBlock": np.full(n_events, block, np.uint32),
        "event": np.arange(1, n_events + 1, dtype=np.uint64),
        "genWeight": quantise(ak.to_numpy(jets.weight[first])),
        "FatJet": ak.unflatten(_nano_jets(jets, n_constituents), n_jets),
        "PFCands": ak.unflatten(nano_candidates(ak.flatten(constituents)), n_candidates),
        "FatJetPFCands": ak.unflatten(
            ak.zip(
                {
                    "jetIdx": np.repeat(jet_in_event, n_constituents).astype(np.int32),
                    "pFCandsIdx": candidate_in_event.astype(np.int32),
                }
            ),
            n_candidates,
        ),
        "GenPart": nano_partons(jets.hard[first]),
    }
    with uproot.recreate(path, compression=uproot.LZMA(1)) as file:
        file.mktree("Events", tree)


def _nano_jets(jets: ak.Array, n_constituents: NDArray[np.int64]) -> ak.Array:
    floats = {name: quantise(ak.to_numpy(jets[name])) for name in ("pt", "eta", "phi", "mass", "msoftdrop")}
    integers = {
        "nConstituents": n_constituents,
        "label": jets.label,
        "fineLabel": fine_labels(jets, jets.hard),
        "genPartIdx": jets.matched,
        "nBHadrons": jets.n_b_hadrons,
        "nCHadrons": jets.n_c_hadrons,
    }
    columns = {
        **floats,
        "rawFactor": np.zeros(len(jets), np.float32),
        **{name: ak.to_numpy(values).astype(np.int32) for name, values in integers.items()},
    }
    return ak.zip(columns | {name: ak.to_numpy(jets[name]) for name in PAIRING if name in jets.fields})
