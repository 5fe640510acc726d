"""Simulate events of one process: generation, detector, clustering with two radii, selection, and truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from coffea_fm.simulation.ancestry import ancestry
from coffea_fm.simulation.detector import detect
from coffea_fm.simulation.hh4b.flavour import count_in, decay_of, heavy_hadrons, parton_of
from coffea_fm.simulation.hh4b.generator import GeneratedEvents, generate_events
from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES
from coffea_fm.simulation.hh4b.selection import (
    LARGE_RADIUS,
    LARGE_STORED_PT,
    MAX_ETA,
    SELECTION,
    SMALL_RADIUS,
    SMALL_STORED_PT,
)
from coffea_fm.simulation.jets import Jets, cluster
from coffea_fm.simulation.pythia import seeded
from coffea_fm.simulation.records import candidate_records, hard_records
from coffea_fm.simulation.truth import hard_particles

_DOMAIN = 4  # separate from the seeds of single jets
_NO_LIMIT = np.inf


def simulate_events(
    name: str, seed: int, index: int, *, flat: bool = True, batch: int = 50, pythia: tuple[str, ...] = ()
) -> Iterator[ak.Array]:
    """Simulate batches of events of one process indefinitely.

    Parameters
    ----------
    name : str
        One of `EVENT_PROCESSES`.
    seed, index : int
        Seed of the whole sample and index of this part. Each pair gives different, reproducible events.
    flat : bool
        Flatten the falling spectrum of the backgrounds; the weights compensate.
    batch : int
        Events generated at a time; the events depend on it.
    pythia : tuple of str
        Extra Pythia settings.

    Yields
    ------
    awkward.Array
        One record per event that passes `SELECTION`: `weight`, `hard_pt`, `two_b`; `tried`, `tried_weight` and
        `tried_weight2` (sums over all hard processes of this part so far); `large` and `small` jets, whose
        `constituents` index the `candidates`; and `hard`, the particles of the hard process, which the jets'
        `matched` indexes (-1 for none).
    """
    pythia_seed, random = seeded(seed, list(EVENT_PROCESSES).index(name), index, _DOMAIN)
    for generated in generate_events(name, pythia_seed, batch=batch, flat=flat, further=pythia):
        yield _selected(generated, random)


def _selected(generated: GeneratedEvents, random: np.random.Generator) -> ak.Array:
    events = generated.events
    candidates = detect(events, random)
    large = cluster(candidates, len(events), (LARGE_STORED_PT, _NO_LIMIT), MAX_ETA, LARGE_RADIUS)
    small = cluster(candidates, len(events), (SMALL_STORED_PT, _NO_LIMIT), MAX_ETA, SMALL_RADIUS)
    passed = SELECTION.passed(large, small, len(events))

    used = np.zeros(len(candidates.event), bool)
    used[large.constituents] = used[small.constituents] = True
    used &= passed[candidates.event]
    chosen = candidates.take(np.flatnonzero(used))
    first = np.searchsorted(chosen.event, np.arange(len(events) + 1))
    in_event = np.cumsum(used) - 1 - first[candidates.event]

    hard = hard_particles(events)
    first_hard = np.searchsorted(hard.event, np.arange(len(events)))
    beauty, charm = heavy_hadrons(events)

    def records(jets: Jets, radius: float, matched: NDArray[np.int64], label: NDArray[Any]) -> ak.Array:
        columns = {
            **{name: getattr(jets, name) for name in ("pt", "eta", "phi", "mass")},
            "msoftdrop": jets.softdrop_mass,
            "constituents": ak.unflatten(in_event[jets.constituents], np.diff(jets.offsets)),
            "matched": np.where(matched >= 0, matched - first_hard[jets.event], -1),
            "label": label,
            "n_b_hadrons": count_in(jets, beauty, radius),
            "n_c_hadrons": count_in(jets, charm, radius),
        }
        return ak.unflatten(ak.zip(columns, depth_limit=1), np.bincount(jets.event, minlength=len(events)))

    partons = parton_of(small, hard, SMALL_RADIUS)
    flavour = np.where(partons >= 0, hard.pdg_id[partons], 0)
    history = ancestry(events, chosen.source)
    columns = {
        "weight": events.weight,
        "hard_pt": generated.hard_pt,
        **{name: [getattr(made, name) for made in generated.made] for name in vars(generated.made[0])},
        "large": records(large, LARGE_RADIUS, *decay_of(large, hard, LARGE_RADIUS)),
        "small": records(small, SMALL_RADIUS, partons, flavour),
        "candidates": ak.unflatten(candidate_records(chosen, history, events), np.diff(first)),
        "hard": hard_records(hard, len(events)),
    }
    return ak.zip(columns, depth_limit=1)[passed]
