"""Energy in calorimeter cells: photons and neutral hadrons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coffea_fm.arrays import DoubleArray
from coffea_fm.kinematics import wrap
from coffea_fm.simulation.candidates import Candidates
from coffea_fm.simulation.detector_settings import NOMINAL_DETECTOR, DetectorSettings
from coffea_fm.simulation.final_state import FinalState

CALORIMETER_ETA = 3.0
_POSITION_ERROR = 0.15


@dataclass(frozen=True)
class Calorimeter:
    """A calorimeter, and the particle type of its deposits.

    Parameters
    ----------
    pdg_id : int
        22 or 130.
    cell : float
        Size of a cell in pseudorapidity and azimuth.
    threshold : float
        Minimal energy of a deposit, GeV.
    constant, stochastic, noise : float
        Terms of the relative energy resolution: constant, over the square root of the energy, and over the energy (in GeV).
    """

    pdg_id: int
    cell: float
    threshold: float
    constant: float
    stochastic: float
    noise: float


ECAL = Calorimeter(pdg_id=22, cell=0.028, threshold=1.4, constant=0.008, stochastic=0.11, noise=0.20)
HCAL = Calorimeter(pdg_id=130, cell=0.087, threshold=2.5, constant=0.05, stochastic=1.0, noise=0.0)


def deposits(
    particles: FinalState,
    calorimeter: Calorimeter,
    random: np.random.Generator,
    detector: DetectorSettings = NOMINAL_DETECTOR,
) -> Candidates:
    """Sum the particles' energy in cells, smear it, and keep the cells above threshold.

    Parameters
    ----------
    particles : FinalState
        Particles that stop in this calorimeter.
    calorimeter : Calorimeter
        Its cells and resolution.
    random : numpy.random.Generator
        Source of the fluctuations.
    detector : DetectorSettings
        Changes of the resolution.
    """
    size = calorimeter.cell
    columns, rows = int(np.ceil(2 * np.pi / size)), int(np.ceil(2 * CALORIMETER_ETA / size)) + 1
    row = ((particles.eta + CALORIMETER_ETA) / size).astype(np.int64)
    column = ((particles.phi + np.pi) / size).astype(np.int64) % columns
    cell = (particles.event * rows + row) * columns + column
    hardest_first = np.lexsort((-particles.energy, cell))
    energy = particles.energy[hardest_first]
    _, first, deposit = np.unique(cell[hardest_first], return_index=True, return_inverse=True)
    n, leading = len(first), hardest_first[first]
    total = np.bincount(deposit, weights=energy, minlength=n)

    def centroid(angle: DoubleArray) -> DoubleArray:
        around = wrap(angle[hardest_first] - angle[leading][deposit])
        return angle[leading] + np.bincount(deposit, weights=energy * around, minlength=n) / total

    relative = np.sqrt(calorimeter.constant**2 + calorimeter.stochastic**2 / total + (calorimeter.noise / total) ** 2)
    relative *= detector.calorimeter
    width = np.sqrt(np.log1p(relative**2))
    measured = total * np.exp(width * random.standard_normal(n) - width**2 / 2)
    shift = _POSITION_ERROR * size * random.standard_normal((2, n))
    eta, phi = centroid(particles.eta), centroid(particles.phi)
    nothing = np.full(n, np.nan)
    return Candidates(
        event=particles.event[leading],
        source=particles.source[leading],
        pt=measured / np.cosh(eta),
        eta=eta + shift[0],
        phi=wrap(phi + shift[1]),
        mass=np.zeros(n),
        charge=np.zeros(n, np.int32),
        pdg_id=np.full(n, calorimeter.pdg_id, np.int32),
        d0=nothing,
        d0_error=nothing,
        dz=nothing,
        dz_error=nothing,
    ).take(np.flatnonzero(measured > calorimeter.threshold))
