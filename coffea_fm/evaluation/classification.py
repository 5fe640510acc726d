"""All figures of merit of a jet classifier from its scores on a test set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coffea_fm.arrays import Scores, Targets
from coffea_fm.calibration.discriminant import discriminant
from coffea_fm.calibration.reliability import Reliability, reliability
from coffea_fm.calibration.scaling import halves
from coffea_fm.calibration.temperature import best_temperature, with_temperature
from coffea_fm.errors import InputError
from coffea_fm.evaluation.discrimination import Rejection, auc, rejection


@dataclass(frozen=True)
class Separation:
    """One class against the background class."""

    jets: int
    auc: float
    rejection: Rejection


@dataclass(frozen=True)
class Metrics:
    """Figures of merit of a jet classifier.

    Parameters
    ----------
    classes : list of str
        Names of the scores.
    background : str
        The class that the others are separated from.
    efficiency : float
        Signal efficiency at which the rejection is given.
    jets : int
        Scored jets that all figures refer to.
    jets_by_class : dict of str to int
        The same by true class; 0 where the test has none.
    unscored : int
        Jets that score NaN, in none of the figures.
    accuracy, accuracy_error : float
        Fraction with the highest score on the true class, and its binomial standard deviation.
    against_background : dict of str to Separation
        By signal class, with the discriminant ``signal / (signal + background)``; classes without jets are left out.
    confusion : list of list of float
        Fraction of each true class (row) predicted as each class (column).
    reliability : Reliability
        Calibration of the highest score.
    temperature : float
        By which the logits would have to be divided to be most likely, found on a random half of the jets; 1 if they
        are calibrated.
    reliability_other_half, reliability_with_temperature : Reliability
        Calibration of the other half, before and after that.
    """

    classes: list[str]
    background: str
    efficiency: float
    jets: int
    jets_by_class: dict[str, int]
    unscored: int
    accuracy: float
    accuracy_error: float
    against_background: dict[str, Separation]
    confusion: list[list[float]]
    reliability: Reliability
    temperature: float
    reliability_other_half: Reliability
    reliability_with_temperature: Reliability

    @property
    def present(self) -> list[str]:
        """Classes that the test has jets of."""
        return [name for name, jets in self.jets_by_class.items() if jets]

    @property
    def absent(self) -> list[str]:
        """Classes that the test has no jets of."""
        return [name for name, jets in self.jets_by_class.items() if not jets]


def classification_metrics(
    scores: Scores,
    target: Targets,
    classes: Sequence[str],
    *,
    background: str = "QCD",
    efficiency: float = 0.5,
) -> Metrics:
    """Compute all figures of merit.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities; rows of NaN are jets that could not be scored.
    target : int array of shape [n_jets]
        True class, an index into `classes`.
    classes : sequence of str
        Names of the columns.
    background : str
        The class that the others are separated from.
    efficiency : float
        Signal efficiency at which the rejection is given.

    Raises
    ------
    InputError
        If shapes disagree, `background` is not a class, or no jet is scored.
    """
    if scores.shape != (len(target), len(classes)):
        raise InputError(f"scores of shape {scores.shape} do not fit {len(target)} jets and {len(classes)} classes")
    if background not in classes:
        raise InputError(f"the background {background!r} is not among the classes {', '.join(classes)}")
    scored = np.isfinite(scores).all(axis=1)
    unscored = int(np.count_nonzero(~scored))
    scores, target = scores[scored], target[scored]
    if len(target) == 0:
        raise InputError(f"none of the {unscored} jets has a score: there is nothing to evaluate")
    if target.min() < 0 or target.max() >= len(classes):
        raise InputError(f"labels lie between {target.min()} and {target.max()} and there are {len(classes)} classes")
    predicted = scores.argmax(axis=1)
    accuracy = float(np.mean(predicted == target))
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (target, predicted), 1)
    half, other_half = halves(len(target))
    temperature = best_temperature(scores[half], target[half])
    return Metrics(
        classes=list(classes),
        background=background,
        efficiency=efficiency,
        jets=len(target),
        jets_by_class={name: int(n) for name, n in zip(classes, counts.sum(axis=1), strict=True)},
        unscored=unscored,
        accuracy=accuracy,
        accuracy_error=math.sqrt(accuracy * (1 - accuracy) / len(target)),
        against_background=_separations(scores, target, classes, background, efficiency),
        confusion=(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).tolist(),
        reliability=reliability(scores, target),
        temperature=temperature,
        reliability_other_half=reliability(scores[other_half], target[other_half]),
        reliability_with_temperature=reliability(with_temperature(scores[other_half], temperature), target[other_half]),
    )


def _separations(
    scores: Scores, target: Targets, classes: Sequence[str], background: str, efficiency: float
) -> dict[str, Separation]:
    column = list(classes).index(background)
    separations = {}
    for index, name in enumerate(classes):
        if index == column or not np.any(target == index) or not np.any(target == column):
            continue
        values = discriminant(scores, index, column)
        signal, other = values[target == index], values[target == column]
        separations[name] = Separation(len(signal), auc(signal, other), rejection(signal, other, efficiency))
    return separations
