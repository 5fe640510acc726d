"""Measure all that the calibration of a bundle records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coffea_fm.arrays import BoolArray, Scores, Targets
from coffea_fm.bundle import Calibration
from coffea_fm.calibration.reliability import reliability
from coffea_fm.calibration.scaling import FEWEST_JETS, fit_scaling, scaled
from coffea_fm.calibration.working_points import CutBins, working_points
from coffea_fm.errors import InputError


def measure_calibration(
    scores: Scores,
    target: Targets,
    classes: Sequence[str],
    *,
    background: str = "QCD",
    bins: CutBins | None = None,
    calibrated: bool = False,
    data: str = "",
) -> Calibration:
    """Calibration of the scores and working points, on labelled jets.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities; rows with NaN are left out.
    target : int array of shape [n_jets]
        True class.
    classes : sequence of str
        Names of the columns.
    background : str
        Class whose efficiency is fixed by the working points.
    bins : CutBins, optional
        Bins in which the working points have a cut each.
    calibrated : bool
        Put the working points on the calibrated scores instead of the scores of the model.
    data : str
        What the jets are, for the record.

    Raises
    ------
    InputError
        If there are too few jets to calibrate scores that working points are to cut on, or in the bins, or no class
        `background`.
    """
    scored: BoolArray = np.asarray(np.isfinite(scores).all(axis=1))
    scores, target = scores[scored], target[scored]
    bins = None if bins is None else bins.take(scored)
    enough = len(target) >= 2 * FEWEST_JETS
    if calibrated and not enough:
        raise InputError(f"{len(target)} jets are too few to calibrate the scores: give at least {2 * FEWEST_JETS}")
    scaling = fit_scaling(scores, target, classes) if enough else None
    cut_on = scaled(scores, scaling) if calibrated and scaling is not None else scores
    points = working_points(cut_on, target, classes, background=background, bins=bins, calibrated=calibrated)
    if bins is not None and not points:
        edges = ", ".join(f"{edge:g}" for edge in bins.edges)
        raise InputError(
            f"no working point has ten {background} jets that pass it in each bin of {bins.field} ({edges} GeV): use wider "
            "bins, or more jets"
        )
    return Calibration(
        accuracy=float(np.mean(scores.argmax(axis=1) == target)),
        expected_calibration_error=reliability(scores, target).expected_error,
        n_jets=len(target),
        data=data,
        scaling=scaling,
        working_points=tuple(points),
    )
