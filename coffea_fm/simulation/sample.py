"""Simulate the jets of one class: generation, detector, clustering and truth matching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from coffea_fm.classes import JET_CLASSES
from coffea_fm.simulation.ancestry import ancestry
from coffea_fm.simulation.detector import detect
from coffea_fm.simulation.detector_settings import NOMINAL_DETECTOR, DetectorSettings
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.generator import generate
from coffea_fm.simulation.hard_events import HardEvent, hard_events_of
from coffea_fm.simulation.jets import RADIUS, Jets, cluster
from coffea_fm.simulation.pairing import varied_jets
from coffea_fm.simulation.processes import PROCESSES
from coffea_fm.simulation.pythia import seeded
from coffea_fm.simulation.records import candidate_records, hard_records
from coffea_fm.simulation.resimulation import Variation
from coffea_fm.simulation.truth import hard_particles, match

MAX_ETA = 2.0


def simulate(
    name: str,
    pt_range: tuple[float, float],
    seed: int,
    index: int,
    *,
    flat: bool = False,
    batch: int = 100,
    pythia: tuple[str, ...] = (),
    variations: tuple[str, ...] = (),
    detector: DetectorSettings = NOMINAL_DETECTOR,
) -> Iterator[ak.Array]:
    """Simulate batches of jets of one class indefinitely.

    Parameters
    ----------
    name : str
        One of `JET_CLASSES`.
    pt_range : tuple of float
        Range of the jets' transverse momentum, GeV.
    seed, index : int
        Seed of the whole sample and index of this part. Each pair gives different, reproducible jets.
    flat : bool
        Flatten the falling spectrum; the jets' weights compensate.
    batch : int
        Events generated at a time; the jets depend on it.
    pythia : tuple of str
        Extra Pythia settings.
    variations : tuple of str
        Some of `coffea_fm.simulation.variations.VARIATIONS`: how to simulate each hard process again.
    detector : DetectorSettings
        Changes of the detector's efficiency and resolutions.

    Yields
    ------
    awkward.Array
        One record per jet: momentum, `msoftdrop`, `label` (index in `JET_CLASSES`), `event` (counted from 0), `weight`,
        numbers of heavy hadrons, `constituents` (a list of records, mm and GeV, NaN for the impact parameters of
        neutrals), `hard` (the hard particles of its event) and `matched` (the one the jet comes from, or -1). With
        variations also `variation` (0 for the nominal jets, else the number of the variation) and `pair`, which counts
        the nominal jets and is the same for all simulations of a jet; the jets of an event are adjacent, nominal ones first.
    """
    label = JET_CLASSES.index(name)
    pythia_seed, random = seeded(seed, label, index)
    n_events = n_jets = 0
    process = PROCESSES[name]
    again = [Variation(variation, pythia, (seed, label, index)) for variation in variations]
    accepted: list[HardEvent] | None = [] if again else None
    batches = generate(
        process, pt_range, MAX_ETA, pythia_seed, batch=batch, flat=flat, further=pythia, accepted=accepted
    )
    for events in batches:
        jets = _labelled_jets(events, label, pt_range, random, detector)
        if accepted is not None:
            jets = ak.with_field(jets, np.arange(n_jets, n_jets + len(jets)), "pair")
            n_jets += len(jets)
            jets = _with_variations(jets, again, hard_events_of(events, accepted), label, pt_range, detector)
            accepted.clear()
        yield ak.with_field(jets, jets.event + n_events, "event")
        n_events += len(events)


def _with_variations(
    nominal: ak.Array,
    again: Sequence[Variation],
    hard_events: Sequence[HardEvent],
    label: int,
    pt_range: tuple[float, float],
    detector: DetectorSettings,
) -> ak.Array:
    parts = [ak.with_field(nominal, np.zeros(len(nominal), np.int32), "variation")]
    with_jets = np.unique(ak.to_numpy(nominal.event))
    for variation in again if len(with_jets) else ():
        events, numbers = variation.shower([hard_events[event] for event in with_jets])
        varied = _labelled_jets(events, label, pt_range, variation.random, detector)
        varied = ak.with_field(varied, with_jets[numbers][ak.to_numpy(varied.event)], "event")
        parts.append(varied_jets(nominal, varied, variation.number))
    together = ak.concatenate(parts)
    return together[np.argsort(ak.to_numpy(together.event), kind="stable")]


def _labelled_jets(
    events: Events,
    label: int,
    pt_range: tuple[float, float],
    random: np.random.Generator,
    detector: DetectorSettings,
) -> ak.Array:
    candidates = detect(events, random, detector)
    jets = cluster(candidates, len(events), pt_range, MAX_ETA)
    hard = hard_particles(events)
    resonance = PROCESSES[JET_CLASSES[label]].resonance
    matched = match(hard, resonance, jets.event, jets.eta, jets.phi, RADIUS)
    chosen = candidates.take(jets.constituents)
    history = ancestry(events, chosen.source)
    constituents = candidate_records(chosen, history, events)
    first = np.searchsorted(hard.event, jets.event)
    labelled = ak.zip(
        {
            "event": jets.event,
            "weight": events.weight[jets.event],
            "label": np.full(len(matched), label, np.int32),
            **{name: getattr(jets, name) for name in ("pt", "eta", "phi", "mass")},
            "msoftdrop": jets.softdrop_mass,
            "n_b_hadrons": _distinct(history.b_hadron, jets),
            "n_c_hadrons": _distinct(history.c_hadron, jets),
            "constituents": ak.unflatten(constituents, np.diff(jets.offsets)),
            "matched": np.where(matched >= 0, matched - first, -1),
            "hard": hard_records(hard, len(events))[jets.event],
        },
        depth_limit=1,
    )
    return labelled[labelled.matched >= 0] if resonance else labelled


def _distinct(hadron: NDArray[np.int64], jets: Jets) -> NDArray[np.int32]:
    """Number of different hadrons that the constituents of each jet come from."""
    jet = np.repeat(np.arange(len(jets.pt)), np.diff(jets.offsets))
    pairs = np.unique(np.stack([jet, hadron], axis=1)[hadron >= 0], axis=0)
    return np.bincount(pairs[:, 0], minlength=len(jets.pt)).astype(np.int32)
