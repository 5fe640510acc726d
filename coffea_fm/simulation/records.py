"""Convert candidates and hard particles to awkward records, as stored in files."""

from __future__ import annotations

import awkward as ak
import numpy as np

from coffea_fm.simulation.ancestry import Ancestry
from coffea_fm.simulation.candidates import Candidates
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.truth import HardParticles

_NOT_STORED = {"event", "source"}


def candidate_records(candidates: Candidates, history: Ancestry, events: Events) -> ak.Array:
    """One record per candidate: measured quantities, and the truth of its particle (mm and GeV).

    Parameters
    ----------
    candidates : Candidates
        [n]
    history : Ancestry
        Ancestry of ``candidates.source``.
    events : Events
        Events of the candidates.
    """
    return ak.zip(
        {
            **{name: column for name, column in vars(candidates).items() if name not in _NOT_STORED},
            "truth_origin": history.origin,
            "truth_heavy_flavour": history.heavy_flavour,
            **{f"truth_{axis}": getattr(events, axis)[candidates.source] for axis in ("x", "y", "z")},
        }
    )


def hard_records(hard: HardParticles, n_events: int) -> ak.Array:
    """One list of records per event: its hard particles, with `mother` as index within the event."""
    starts = np.searchsorted(hard.event, np.arange(n_events + 1))
    columns = {name: getattr(hard, name) for name in ("pt", "eta", "phi", "mass", "pdg_id", "status")}
    columns["mother"] = np.where(hard.mother >= 0, hard.mother - starts[hard.event], -1)
    return ak.unflatten(ak.zip(columns), np.diff(starts))
