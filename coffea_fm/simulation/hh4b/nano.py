"""Write simulated events as NanoAOD with candidates, with the names and units of PFNano.

In addition to NanoAOD's own branches: ``genTwoB``, whether an event of any sample belongs to ``QCDbb``;
``FatJet_genPartIdx``, the resonance whose decay the jet contains; ``FatJet_label``; ``Jet_genPartIdx``, the parton in
the jet; and in the tree ``Runs`` the ``crossSection`` [pb] that corresponds to ``genEventSumw``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from coffea_fm.simulation.nano_columns import nano_candidates, nano_partons
from coffea_fm.simulation.quantise import quantise

_RUN = 1
_MOMENTUM = ("pt", "eta", "phi", "mass")


def write_events(
    path: Path, events: ak.Array, first_event: int, block: int, cross_section: tuple[float, float]
) -> None:
    """Write events as NanoAOD with candidates.

    Parameters
    ----------
    path : Path
        The ROOT file to write.
    events : awkward.Array
        Events of `coffea_fm.simulation.hh4b.sample.simulate_events`, from the beginning of one part.
    first_event : int
        Number of the first event; the others follow.
    block : int
        Number of the luminosity block.
    cross_section : tuple of float
        Cross section of all hard processes and its error, pb.
    """
    n_events = len(events)
    n_candidates = ak.num(events.candidates)
    tree = {
        "run": np.full(n_events, _RUN, np.uint32),
        "luminosityBlock": np.full(n_events, block, np.uint32),
        "event": np.arange(first_event, first_event + n_events, dtype=np.uint64),
        "genWeight": ak.to_numpy(events.weight).astype(np.float32),
        "genTwoB": ak.to_numpy(events.two_b),
        "Generator_binvar": quantise(ak.to_numpy(events.hard_pt)),
        "FatJet": _large_jets(events.large),
        "Jet": _small_jets(events.small),
        "PFCands": ak.unflatten(nano_candidates(ak.flatten(events.candidates)), n_candidates),
        "FatJetPFCands": _links(events.large),
        "JetPFCands": _links(events.small),
        "GenPart": nano_partons(events.hard),
    }
    last = events[-1]
    runs = {
        "run": np.array([_RUN], np.uint32),
        "genEventCount": np.array([last.tried], np.int64),
        "genEventSumw": np.array([last.tried_weight]),
        "genEventSumw2": np.array([last.tried_weight2]),
        "crossSection": np.array([cross_section[0]]),
        "crossSectionError": np.array([cross_section[1]]),
    }
    with uproot.recreate(path, compression=uproot.LZMA(1)) as file:
        file.mktree("Events", tree)
        file.mktree("Runs", runs)


def _large_jets(jets: ak.Array) -> ak.Array:
    rows = ak.flatten(jets)
    columns = _jet_columns(rows) | {
        "msoftdrop": quantise(ak.to_numpy(rows.msoftdrop)),
        "label": _integers(rows.label),
        "genPartIdx": _integers(rows.matched),
    }
    return ak.unflatten(ak.zip(columns), ak.num(jets))


def _small_jets(jets: ak.Array) -> ak.Array:
    rows = ak.flatten(jets)
    columns = _jet_columns(rows) | {
        "partonFlavour": _integers(rows.label),
        "genPartIdx": _integers(rows.matched),
    }
    return ak.unflatten(ak.zip(columns), ak.num(jets))


def _jet_columns(rows: ak.Array) -> dict[str, NDArray[Any]]:
    n_b, n_c = _integers(rows.n_b_hadrons), _integers(rows.n_c_hadrons)
    return {
        **{name: quantise(ak.to_numpy(rows[name])) for name in _MOMENTUM},
        "rawFactor": np.zeros(len(rows), np.float32),
        "nConstituents": _integers(ak.num(rows.constituents)),
        "nBHadrons": n_b,
        "nCHadrons": n_c,
        "hadronFlavour": np.where(n_b > 0, 5, np.where(n_c > 0, 4, 0)).astype(np.int32),
    }


def _links(jets: ak.Array) -> ak.Array:
    """Pairs of a jet and a candidate, jet by jet."""
    jet = ak.broadcast_arrays(ak.local_index(jets, axis=1), jets.constituents)[0]
    columns = {"jetIdx": ak.flatten(jet, axis=2), "pFCandsIdx": ak.flatten(jets.constituents, axis=2)}
    return ak.zip({name: ak.values_astype(column, np.int32) for name, column in columns.items()})


def _integers(values: ak.Array) -> NDArray[np.int32]:
    return np.asarray(values, np.int32)
