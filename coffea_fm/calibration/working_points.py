"""Working points: cuts at given background efficiencies, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import BoolArray
from coffea_fm.bundle import Calibration, WorkingPoint
from coffea_fm.calibration.discriminant import discriminant
from coffea_fm.errors import InputError

Scores = npt.NDArray[np.floating]
Targets = npt.NDArray[np.integer]

LEVELS: Mapping[str, float] = {"loose": 0.05, "medium": 0.01, "tight": 0.001}


def working_points(
    scores: Scores,
    target: Targets,
    classes: Sequence[str],
    *,
    background: str = "QCD",
    levels: Mapping[str, float] = LEVELS,
) -> list[WorkingPoint]:
    """Cuts on ``signal / (signal + background)`` for each signal class.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities; rows of NaN are left out.
    target : int array of shape [n_jets]
        True class.
    classes : sequence of str
        Names of the columns.
    background : str
        The class whose efficiency a level fixes.
    levels : mapping of str to float
        Background efficiency by name. A level that fewer than ten background jets would pass is left out: its cut
        would be noise.

    Returns
    -------
    list of WorkingPoint
        Named ``CLASS_LEVEL``.
    """
    if background not in classes:
        raise InputError(f"the background {background!r} is not among the classes {', '.join(classes)}")
    scored = np.isfinite(scores).all(axis=1)
    scores, target = scores[scored], target[scored]
    column = list(classes).index(background)
    points = []
    for index, name in enumerate(classes):
        if index == column or not np.any(target == index):
            continue
        values = discriminant(scores, index, column)
        signal, other = values[target == index], np.sort(values[target == column])[::-1]
        for level, efficiency in levels.items():
            passing = int(len(other) * efficiency)
            if passing >= 10:
                cut = float(other[passing - 1])
                points.append(_point(f"{name}_{level}", name, background, cut, signal, other))
    return points


def passes(scores: Scores, classes: Sequence[str], point: WorkingPoint) -> BoolArray:
    """Which jets pass a working point of one class against another; those with scores of NaN do not."""
    (signal,), (background,) = point.signal, point.background
    return discriminant(scores, classes.index(signal), classes.index(background)) >= point.cut


def calibration_lines(calibration: Calibration) -> list[str]:
    """What was measured of a model, a line each: temperature, accuracy, calibration error, working points."""
    lines = []
    if calibration.temperature is not None:
        lines.append(f"calibrated with temperature {calibration.temperature:.3f}")
    if calibration.accuracy is not None:
        lines.append(f"accuracy {calibration.accuracy:.4f} on {calibration.n_jets} jets")
    if calibration.expected_calibration_error is not None:
        lines.append(f"expected calibration error {calibration.expected_calibration_error:.4f}")
    for point in calibration.working_points:
        lines.append(
            f"working point {point.name}: {point.formula}, efficiency {point.signal_efficiency:.3f} for "
            f"{' + '.join(point.signal)} and {point.background_efficiency:.2e} for {' + '.join(point.background)}"
        )
    return [*lines, f"measured on {calibration.data}"] if lines and calibration.data else lines


def _point(
    name: str,
    signal_class: str,
    background: str,
    cut: float,
    signal: npt.NDArray[np.float64],
    other: npt.NDArray[np.float64],
) -> WorkingPoint:
    return WorkingPoint(
        name=name,
        signal=(signal_class,),
        background=(background,),
        cut=cut,
        signal_efficiency=float(np.mean(signal >= cut)),
        background_efficiency=float(np.mean(other >= cut)),
    )
