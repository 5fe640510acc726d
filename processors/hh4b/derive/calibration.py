"""Derive corrections of jet momenta and masses from jets with truth."""

from __future__ import annotations

import numpy as np
from correctionlib import schemav2

from coffea_fm.arrays import DoubleArray

from ..boosted import HIGGS_MASS
from .binned import ETA_EDGES, SYSTEMATICS, by_eta_and_pt, by_pt, correction, pairs_of_bins
from .labelled_jets import LabelledJets

_ERROR_OF_MEDIAN = 1.2533  # in units of width / sqrt(n), for a Gaussian
_NEAR_HIGGS = (0.6, 1.4)  # a soft-drop mass outside this range does not contain both prongs


def energy_corrections(collection: str, nominal: LabelledJets, shifted: LabelledJets) -> list[schemav2.Correction]:
    """Energy scale with its uncertainty, and smearing for the uncertainty of the resolution.

    The response is the stored pT over the true pT. Its median gives the scale, half the width of its central 68% the
    resolution. Uncertainties are the relative difference of the two samples plus its statistical error.
    """
    scale, uncertainty, smearing = [], [], []
    for ours, theirs in pairs_of_bins(collection, nominal, shifted, ETA_EDGES):
        response, other = (jets.pt / jets.true_pt for jets in (ours, theirs))
        median, width = _median_and_width(response)
        _, other_width = _median_and_width(other)
        scale.append(1 / median)
        uncertainty.append(_difference(response, other))
        statistical = np.sqrt(0.5 / len(response) + 0.5 / len(other))
        worse = 1 + np.hypot(other_width / width - 1, statistical)
        smearing.append(width / median * np.sqrt(worse**2 - 1))
    inputs = ["abseta", "pt"]
    made = {
        "energy": ("Factor on stored momenta", scale),
        "energy_uncertainty": ("Relative uncertainty of the momenta", uncertainty),
        "resolution_smearing": ("Width of the Gaussian that smears to a resolution worse by its uncertainty", smearing),
    }
    return [
        correction(f"{collection}_{name}", text, inputs, by_eta_and_pt(collection, values))
        for name, (text, values) in made.items()
    ]


def mass_correction(nominal: LabelledJets, shifted: LabelledJets) -> schemav2.Correction:
    """Factor on the soft-drop mass after energy calibration that puts the H -> bb median at 125 GeV."""
    values: dict[str, list[float]] = {name: [] for name in SYSTEMATICS}
    for ours, theirs in pairs_of_bins("FatJet", nominal, shifted):
        mass, other = (_calibrated_mass(jets) for jets in (ours, theirs))
        factor, uncertainty = HIGGS_MASS / np.median(mass), _difference(mass, other)
        for name, sign in SYSTEMATICS.items():
            values[name].append(float(factor * (1 + sign * uncertainty)))
    text = "Factor on the soft-drop mass of large jets whose energy is calibrated"
    return correction("FatJet_softdrop_mass", text, ["systematic", "pt"], by_pt("FatJet", values))


def random_numbers() -> schemav2.Correction:
    """A standard Gaussian number for each jet, from event, eta and phi."""
    inputs = ["event", "eta", "phi"]
    node = schemav2.HashPRNG(nodetype="hashprng", inputs=inputs, distribution="stdnormal")
    return correction("random", "A standard Gaussian random number", inputs, node)


def _calibrated_mass(jets: LabelledJets) -> DoubleArray:
    mass = jets.softdrop_mass / np.median(jets.pt / jets.true_pt)
    low, high = _NEAR_HIGGS
    return mass[(mass > low * HIGGS_MASS) & (mass < high * HIGGS_MASS)]


def _median_and_width(values: DoubleArray) -> tuple[float, float]:
    low, median, high = np.quantile(values, [0.1587, 0.5, 0.8413])
    return float(median), float(high - low) / 2


def _difference(values: DoubleArray, others: DoubleArray) -> float:
    """Relative difference of two medians, with its statistical error."""
    (median, width), (other, other_width) = map(_median_and_width, (values, others))
    error = np.hypot(width / np.sqrt(len(values)), other_width / np.sqrt(len(others))) / median
    return float(np.hypot(other / median - 1, _ERROR_OF_MEDIAN * error))
