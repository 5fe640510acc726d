"""Accuracy and area under the ROC curve of scores on the jets of a sample."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import wasserstein_distance
from sklearn.metrics import roc_auc_score
from study import Study

from coffea_fm.classes import JET_CLASSES
from coffea_fm.shards import ShardDataset

Floats = npt.NDArray[np.float32]


def figures(scores: Floats, target: npt.NDArray[np.int64]) -> dict[str, float]:
    """Accuracy, and the area under the ROC curve of each class against all others, averaged."""
    return {
        "accuracy": float((scores.argmax(axis=1) == target).mean()),
        "auc": float(roc_auc_score(target, scores / scores.sum(axis=1, keepdims=True), multi_class="ovr")),
    }


Scored = tuple[Floats, npt.NDArray[np.int64]]
"""Scores of jets, and their classes."""


def shift(nominal: Scored, varied: Scored) -> float:
    """How far the scores of a class move for its own jets: Wasserstein distance between two samples, mean over classes.

    It falls with the number of jets and does not vanish between two samples of the same simulation.
    """
    (scores, target), (other_scores, other_target) = nominal, varied
    classes = np.intersect1d(target, other_target)
    moved = [wasserstein_distance(scores[target == k, k], other_scores[other_target == k, k]) for k in classes]
    return float(np.mean(moved))


def target_of(study: Study, part: str) -> npt.NDArray[np.int64]:
    """Classes of the jets of a sample."""
    return ShardDataset(study.work / "shards" / part).scalars("target")["target"].astype(np.int64)


def spread(scores: Floats, classes: npt.NDArray[np.int64]) -> Floats:
    """Scores of the classes that a small set of labels has, as those of all ten."""
    whole = np.zeros((len(scores), len(JET_CLASSES)), np.float32)
    whole[:, classes] = scores
    return whole
