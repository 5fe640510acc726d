"""A fast, CMS-like detector simulation: tracks, photons and neutral hadrons, as from particle flow.

Resolutions and efficiencies are similar to those published by CMS (arXiv:1405.6569 for tracks), and tuned to the marginal
distributions of JetClass; see `benchmarks/simulation/marginals.py`.
"""

from __future__ import annotations

import numpy as np

from coffea_fm.simulation.calorimeter import CALORIMETER_ETA, ECAL, HCAL, deposits
from coffea_fm.simulation.candidates import Candidates
from coffea_fm.simulation.detector_settings import NOMINAL_DETECTOR, DetectorSettings
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.final_state import final_state
from coffea_fm.simulation.tracker import efficiency, tracks

_REACHES_CALORIMETER_PT = 0.75
_ELECTROMAGNETIC, _MUON = (11, 22), 13


def detect(events: Events, random: np.random.Generator, detector: DetectorSettings = NOMINAL_DETECTOR) -> Candidates:
    """Turn final particles into candidates, sorted by event.

    A charged particle becomes a track or, if the tracker misses it, energy in a calorimeter.

    Parameters
    ----------
    events : Events
        Generated events.
    random : numpy.random.Generator
        Source of all fluctuations.
    detector : DetectorSettings
        Changes of the efficiency and resolutions.
    """
    particles = final_state(events, CALORIMETER_ETA)
    tracked = random.random(len(particles)) < efficiency(particles, detector)
    reaches = (particles.charge == 0) | (particles.pt > _REACHES_CALORIMETER_PT)
    calorimetric = ~tracked & reaches & (particles.kind != _MUON)
    electromagnetic = np.isin(particles.kind, _ELECTROMAGNETIC)
    return Candidates.by_event(
        [
            tracks(particles.where(tracked), random, detector),
            deposits(particles.where(calorimetric & electromagnetic), ECAL, random, detector),
            deposits(particles.where(calorimetric & ~electromagnetic), HCAL, random, detector),
        ]
    )
