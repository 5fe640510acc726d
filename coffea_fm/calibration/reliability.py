"""Whether scores are probabilities: the reliability curve and its expected error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Reliability:
    """Accuracy of the predicted class as a function of the tagger's confidence.

    Parameters
    ----------
    edges : list of float
        Bin edges of the highest score.
    confidence, accuracy : list of float or None
        Mean highest score and fraction of correct predictions in each bin; None for empty bins.
    jets : list of int
        Number of jets in each bin.
    expected_error : float
        Mean absolute difference of confidence and accuracy, weighted by jets (expected calibration error).
    """

    edges: list[float]
    confidence: list[float | None]
    accuracy: list[float | None]
    jets: list[int]
    expected_error: float


def reliability(scores: npt.NDArray[np.floating], target: npt.NDArray[np.integer], bins: int = 15) -> Reliability:
    """Compare the highest score with the fraction of correct predictions.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities, finite.
    target : int array of shape [n_jets]
        True class.
    bins : int
        Number of equal bins between 0 and 1.
    """
    highest = scores.max(axis=1).astype(np.float64)
    right = (scores.argmax(axis=1) == target).astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    jets = np.histogram(highest, edges)[0]
    confidence = np.histogram(highest, edges, weights=highest)[0]
    correct = np.histogram(highest, edges, weights=right)[0]
    return Reliability(
        edges=edges.tolist(),
        confidence=_means(confidence, jets),
        accuracy=_means(correct, jets),
        jets=jets.tolist(),
        expected_error=float(np.abs(confidence - correct).sum() / max(len(target), 1)),
    )


def _means(sums: npt.NDArray[np.floating], counts: npt.NDArray[np.integer]) -> list[float | None]:
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]
