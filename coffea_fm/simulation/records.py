"""Candidates and hard particles as awkward records, as the files hold them."""

from __future__ import annotations

import awkward as ak
import numpy as np

from coffea_fm.simulation.ancestry import Ancestry
from coffea_fm.simulation.candidates import Candidates
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.truth import HardParticles

_NOT_STORED = {"event", "source"}


def candidate_records(candidates: Candidates, history: Ancestry, events: Events) -> ak.Array:
    """A record a candidate: what was measured, and the truth of the particle that made it (mm and GeV).

    Parameters
    ----------
    candidates : Candidates
        [n]
    history : Ancestry
        That of ``candidates.source``.
    events : Events
        Where they come from.
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
    """A list of records an event: its hard particles, with `mother` counted within the event."""
    starts = np.searchsorted(hard.event, np.arange(n_events + 1))
    columns = {name: getattr(hard, name) for name in ("pt", "eta", "phi", "mass", "pdg_id", "status")}
    columns["mother"] = np.where(hard.mother >= 0, hard.mother - starts[hard.event], -1)
    return ak.unflatten(ak.zip(columns), np.diff(starts))
