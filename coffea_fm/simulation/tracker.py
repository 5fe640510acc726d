"""Tracks of charged particles: efficiency, resolution, impact parameters, and particle identification."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coffea_fm.arrays import DoubleArray
from coffea_fm.kinematics import wrap
from coffea_fm.simulation.candidates import Candidates
from coffea_fm.simulation.detector_settings import NOMINAL_DETECTOR, DetectorSettings
from coffea_fm.simulation.final_state import FinalState

TRACK_PT, TRACK_ETA = 1.0, 2.5
TRACKER_RADIUS = 1290.0
PION_MASS, ELECTRON_MASS, MUON_MASS = 0.13957, 0.000511, 0.10566
_CURVATURE_RADIUS = 1000 / (0.2998 * 3.8)  # mm per GeV in 3.8 T
_IDENTIFIED_PT, _ELECTRONS_IDENTIFIED, _MUONS_IDENTIFIED = 2.0, 0.95, 0.98


def efficiency(particles: FinalState, detector: DetectorSettings = NOMINAL_DETECTOR) -> DoubleArray:
    """Probability that each particle leaves a track, float64 [n]; 0 for neutral ones."""
    eta = np.abs(particles.eta)
    found = np.where(particles.kind == 13, 0.985, np.where(eta < 1.5, 0.95, 0.85))
    inside = np.hypot(particles.x, particles.y) < TRACKER_RADIUS
    accepted = (particles.charge != 0) & inside & (particles.pt > TRACK_PT) & (eta < TRACK_ETA)
    return np.asarray(np.minimum(found * detector.track_efficiency, 1.0) * accepted)


def tracks(
    particles: FinalState, random: np.random.Generator, detector: DetectorSettings = NOMINAL_DETECTOR
) -> Candidates:
    """Reconstruct particles as tracks.

    Parameters
    ----------
    particles : FinalState
        Charged particles.
    random : numpy.random.Generator
        Source of the fluctuations.
    detector : DetectorSettings
        Changes of the resolutions.
    """
    n, pt, eta, charge = len(particles), particles.pt, particles.eta, particles.charge
    electron, muon = particles.kind == 11, particles.kind == 13
    chance = np.select([electron, muon], [_ELECTRONS_IDENTIFIED, _MUONS_IDENTIFIED], 0.0) * (pt > _IDENTIFIED_PT)
    lepton = np.where(random.random(n) < chance, particles.kind, 0)
    relative = momentum_resolution(pt, eta, electron) * detector.track_momentum
    smeared = pt * np.exp(relative * random.standard_normal(n))
    position = particles.x, particles.y, particles.z
    d0, dz = closest_approach(*position, pt, eta, particles.phi, charge)
    d0_error, dz_error = (detector.track_impact * error(pt, eta) for error in (d0_resolution, dz_resolution))
    return Candidates(
        event=particles.event,
        source=particles.source,
        pt=smeared,
        eta=eta,
        phi=particles.phi,
        mass=np.select([lepton == 11, lepton == 13], [ELECTRON_MASS, MUON_MASS], PION_MASS),
        charge=charge,
        pdg_id=np.where(lepton > 0, -charge * lepton, charge * 211).astype(np.int32),
        d0=d0 + d0_error * random.standard_normal(n),
        d0_error=d0_error,
        dz=dz + dz_error * random.standard_normal(n),
        dz_error=dz_error,
    )


def momentum_resolution(pt: DoubleArray, eta: DoubleArray, electron: NDArray[np.bool_]) -> DoubleArray:
    """Relative error of a track's transverse momentum, float64 [n]."""
    region = np.digitize(np.abs(eta), (0.5, 1.5))
    others = np.hypot(np.array([0.010, 0.015, 0.025])[region], np.array([1.0e-4, 1.5e-4, 3.5e-4])[region] * pt)
    electrons = np.hypot(np.array([0.015, 0.020, 0.040])[region], 1.5e-4 * pt)
    return np.asarray(np.where(electron, electrons, others))


def d0_resolution(pt: DoubleArray, eta: DoubleArray) -> DoubleArray:
    """Error of the transverse impact parameter in mm: a constant and multiple scattering."""
    forward = np.clip((np.abs(eta) - 0.9) / 1.1, 0.0, None)
    return np.hypot(0.0105 + 0.0015 * forward, (0.075 + 0.07 * forward) * pt**-0.7)


def dz_resolution(pt: DoubleArray, eta: DoubleArray) -> DoubleArray:
    """Error of the longitudinal impact parameter in mm; it grows with the obliqueness of the track."""
    forward = np.clip((np.abs(eta) - 0.9) / 1.1, 0.0, None)
    return np.hypot(0.030 + 0.06 * forward, (0.105 + 0.5 * forward) * pt**-0.7)


def closest_approach(
    x: DoubleArray,
    y: DoubleArray,
    z: DoubleArray,
    pt: DoubleArray,
    eta: DoubleArray,
    phi: DoubleArray,
    charge: NDArray[np.int32],
) -> tuple[DoubleArray, DoubleArray]:
    """Impact parameters relative to the origin of helices from a production vertex.

    Parameters
    ----------
    x, y, z : float64 [n]
        Production vertices, mm.
    pt, eta, phi : float64 [n]
        Momenta at the vertex, GeV and radian.
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
