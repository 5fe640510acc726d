"""A light detector in the manner of CMS: tracks, photons and neutral hadrons as particle flow would give them.

Resolutions and efficiencies are of the size that CMS published (arXiv:1405.6569 for tracks) and tuned to the marginal
distributions of JetClass; `benchmarks/simulation/marginals.py` compares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coffea_fm.simulation.events import Events
from coffea_fm.simulation.kinematics import Floats, pt_eta_phi, wrap

TRACK_ETA, CALORIMETER_ETA = 2.5, 3.0
TRACK_PT, PHOTON_ENERGY, NEUTRAL_HADRON_ENERGY = 1.0, 1.4, 2.5
REACHES_CALORIMETER_PT = 0.75
TRACKER_RADIUS = 1290.0
ECAL_CELL, HCAL_CELL = 0.028, 0.087
PION_MASS, ELECTRON_MASS, MUON_MASS = 0.13957, 0.000511, 0.10566
_CURVATURE_RADIUS = 1000 / (0.2998 * 3.8)  # mm for a GeV, in 3.8 T
_INVISIBLE = (12, 14, 16)


@dataclass(frozen=True)
class Candidates:
    """Reconstructed particles, one row each, sorted by event.

    Attributes
    ----------
    event : int64 [n]
        Event of each candidate.
    source : int64 [n]
        Row in `Events` of the particle that made it (the hardest one of a calorimeter cell).
    pt, eta, phi, mass : float64 [n]
        GeV and radian.
    charge, pdg_id : int32 [n]
        Electric charge in e, and one of 211, 130, 22, 11, 13 with sign.
    d0, d0_error, dz, dz_error : float64 [n]
        Impact parameters and their errors in mm; NaN for neutral candidates.
    """

    event: NDArray[np.int64]
    source: NDArray[np.int64]
    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats
    charge: NDArray[np.int32]
    pdg_id: NDArray[np.int32]
    d0: Floats
    d0_error: Floats
    dz: Floats
    dz_error: Floats

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """The candidates in those rows."""
        return Candidates(**{name: column[rows] for name, column in vars(self).items()})


def detect(events: Events, random: np.random.Generator) -> Candidates:
    """Turn final particles into candidates.

    Parameters
    ----------
    events : Events
        Generated events.
    random : numpy.random.Generator
        Source of all fluctuations.
    """
    rows = np.flatnonzero((events.status > 0) & ~np.isin(np.abs(events.pdg_id), _INVISIBLE))
    pt, eta, phi = pt_eta_phi(events.px[rows], events.py[rows], events.pz[rows])
    near = np.abs(eta) < CALORIMETER_ETA
    rows, pt, eta, phi = rows[near], pt[near], eta[near], phi[near]
    kind = np.abs(events.pdg_id[rows])
    charged = charge_of(events.pdg_id[rows]) != 0
    tracked = charged & (random.random(len(rows)) < _track_efficiency(events, rows, pt, eta, kind))
    reaches = ~charged | (pt > REACHES_CALORIMETER_PT)
    photons = ~tracked & reaches & np.isin(kind, (11, 22))
    hadrons = ~tracked & reaches & ~np.isin(kind, (11, 13, 22))
    event = events.event[rows]
    energy = events.energy[rows]
    parts = [
        _tracks(events, rows[tracked], pt[tracked], eta[tracked], phi[tracked], event[tracked], random),
        _deposits(
            rows[photons], energy[photons], eta[photons], phi[photons], event[photons], random, electromagnetic=True
        ),
        _deposits(
            rows[hadrons], energy[hadrons], eta[hadrons], phi[hadrons], event[hadrons], random, electromagnetic=False
        ),
    ]
    together = Candidates(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])})
    return together.take(np.argsort(together.event, kind="stable"))


def charge_of(pdg_id: NDArray[np.int32]) -> NDArray[np.int32]:
    """Electric charge of final particles, which are leptons, photons, nuclei of one nucleon, and light hadrons."""
    number = np.abs(pdg_id)
    charged = np.isin(number, (11, 13, 15, 211, 321, 2212, 3112, 3222, 3312, 3334))
    negative = np.isin(number, (11, 13, 15, 3112, 3312, 3334))
    return (charged * np.where(negative, -1, 1) * np.sign(pdg_id)).astype(np.int32)


def d0_resolution(pt: Floats, eta: Floats) -> Floats:
    """Error of the transverse impact parameter in mm: a constant and multiple scattering."""
    forward = np.clip((np.abs(eta) - 0.9) / 1.1, 0.0, None)
    return np.hypot(0.0105 + 0.0015 * forward, (0.075 + 0.07 * forward) * pt**-0.7)


def dz_resolution(pt: Floats, eta: Floats) -> Floats:
    """Error of the longitudinal impact parameter in mm; it grows with the obliqueness of the track."""
    forward = np.clip((np.abs(eta) - 0.9) / 1.1, 0.0, None)
    return np.hypot(0.030 + 0.06 * forward, (0.105 + 0.5 * forward) * pt**-0.7)


def momentum_resolution(pt: Floats, eta: Floats, kind: NDArray[np.int32]) -> Floats:
    """Relative error of a track's transverse momentum."""
    steps = np.digitize(np.abs(eta), (0.5, 1.5))
    muons = np.hypot(np.array([0.010, 0.015, 0.025])[steps], np.array([1.0e-4, 1.5e-4, 3.5e-4])[steps] * pt)
    electrons = np.hypot(np.array([0.015, 0.020, 0.040])[steps], 1.5e-4 * pt)
    return np.asarray(np.where(kind == 11, electrons, muons))


def closest_approach(
    x: Floats, y: Floats, z: Floats, pt: Floats, eta: Floats, phi: Floats, charge: NDArray[np.int32]
) -> tuple[Floats, Floats]:
    """Impact parameters of the helices that start at a point with a momentum, with respect to the origin.

    Parameters
    ----------
    x, y, z : float64 [n]
        Where the particles were made, mm.
    pt, eta, phi : float64 [n]
        Their momenta there, GeV and radian.
    charge : int32 [n]
        1 or -1.

    Returns
    -------
    d0, dz : float64 [n]
        mm; for a straight track ``d0 = x sin(phi) - y cos(phi)``.
    """
    radius = pt * _CURVATURE_RADIUS
    centre_x, centre_y = x + charge * radius * np.sin(phi), y - charge * radius * np.cos(phi)
    turned = wrap(np.arctan2(-centre_y, -centre_x) - np.arctan2(charge * np.cos(phi), -charge * np.sin(phi)))
    return charge * (np.hypot(centre_x, centre_y) - radius), z - radius * charge * turned * np.sinh(eta)


def _track_efficiency(
    events: Events, rows: NDArray[np.int64], pt: Floats, eta: Floats, kind: NDArray[np.int32]
) -> Floats:
    central = np.abs(eta) < 1.5
    hadrons = np.where(central, np.where(pt > 1, 0.95, 0.70), np.where(pt > 1, 0.85, 0.60))
    efficiency = np.where(kind == 13, np.where(pt > 1, 0.985, 0.75), hadrons)
    inside = np.hypot(events.x[rows], events.y[rows]) < TRACKER_RADIUS
    return np.asarray(efficiency * (inside & (pt > TRACK_PT) & (np.abs(eta) < TRACK_ETA)))


def _tracks(
    events: Events,
    rows: NDArray[np.int64],
    pt: Floats,
    eta: Floats,
    phi: Floats,
    event: NDArray[np.int64],
    random: np.random.Generator,
) -> Candidates:
    n = len(rows)
    kind = np.abs(events.pdg_id[rows])
    charge = charge_of(events.pdg_id[rows])
    identified = random.random(n) < np.select([kind == 11, kind == 13], [0.95 * (pt > 2), 0.98 * (pt > 2)], 0.0)
    lepton = np.where(identified, kind, 0)
    x, y, z = events.x[rows], events.y[rows], events.z[rows]
    d0, dz = closest_approach(x, y, z, pt, eta, phi, charge)
    d0_error, dz_error = d0_resolution(pt, eta), dz_resolution(pt, eta)
    smeared = pt * np.exp(momentum_resolution(pt, eta, kind) * random.standard_normal(n))
    return Candidates(
        event=event,
        source=rows,
        pt=smeared,
        eta=eta,
        phi=phi,
        mass=np.select([lepton == 11, lepton == 13], [ELECTRON_MASS, MUON_MASS], PION_MASS),
        charge=charge,
        pdg_id=np.select([lepton > 0], [-charge * lepton], charge * 211).astype(np.int32),
        d0=d0 + d0_error * random.standard_normal(n),
        d0_error=d0_error,
        dz=dz + dz_error * random.standard_normal(n),
        dz_error=dz_error,
    )


def _deposits(
    rows: NDArray[np.int64],
    energy: Floats,
    eta: Floats,
    phi: Floats,
    event: NDArray[np.int64],
    random: np.random.Generator,
    *,
    electromagnetic: bool,
) -> Candidates:
    """Sum the energy in calorimeter cells, smear it, and keep the cells above threshold."""
    size = ECAL_CELL if electromagnetic else HCAL_CELL
    columns = int(np.ceil(2 * np.pi / size))
    eta_bins = int(np.ceil(2 * CALORIMETER_ETA / size)) + 1
    cell = (event * eta_bins + ((eta + CALORIMETER_ETA) / size).astype(np.int64)) * columns
    cell += ((phi + np.pi) / size).astype(np.int64) % columns
    order = np.lexsort((-energy, cell))
    cell, event, rows = cell[order], event[order], rows[order]
    energy, eta, phi = energy[order], eta[order], phi[order]
    first = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]]) if len(cell) else np.zeros(0, np.int64)
    total = np.add.reduceat(energy, first) if len(cell) else energy
    # around the hardest particle of the cell, so that the azimuth does not wrap inside a cell
    shift_eta, shift_phi = (
        np.add.reduceat(energy * (a - np.repeat(a[first], np.diff(np.r_[first, len(cell)]))), first) / total
        if len(cell)
        else energy
        for a in (eta, phi)
    )
    n = len(first)
    eta, phi = eta[first] + shift_eta, phi[first] + shift_phi
    if electromagnetic:
        relative = np.sqrt(0.008**2 + 0.11**2 / total + 0.20**2 / total**2)
        threshold, pdg_id = PHOTON_ENERGY, 22
    else:
        relative = np.sqrt(0.05**2 + 1.0**2 / total)
        threshold, pdg_id = NEUTRAL_HADRON_ENERGY, 130
    width = np.sqrt(np.log1p(relative**2))
    measured = total * np.exp(width * random.standard_normal(n) - width**2 / 2)
    position = 0.15 * size * random.standard_normal((2, n))
    nothing = np.full(n, np.nan)
    found = Candidates(
        event=event[first],
        source=rows[first],
        pt=measured / np.cosh(eta),
        eta=eta + position[0],
        phi=wrap(phi + position[1]),
        mass=np.zeros(n),
        charge=np.zeros(n, np.int32),
        pdg_id=np.full(n, pdg_id, np.int32),
        d0=nothing,
        d0_error=nothing,
        dz=nothing,
        dz_error=nothing,
    )
    return found.take(np.flatnonzero(measured > threshold))
