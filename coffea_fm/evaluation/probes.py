"""Probe frozen embeddings with simple classifiers."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler, normalize

Vectors = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]
Scores = npt.NDArray[np.float32]

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Inverse regularisation strengths to try."""
NEIGHBOURS = (5, 10, 20, 50, 100)
"""Numbers of neighbours to try."""
TEMPERATURE = 0.07
"""The weight of a neighbour is exp(cosine / TEMPERATURE), as in arXiv:2104.14294."""


def linear_probe(
    train: Vectors, train_labels: Labels, validation: Vectors, validation_labels: Labels, test: Vectors
) -> Scores:
    """Scores of a logistic regression on standardised embeddings.

    Parameters
    ----------
    train, validation, test : float array of shape [n_jets, dim]
        Embeddings.
    train_labels, validation_labels : int array of shape [n_jets]
        Classes. The regularisation in `STRENGTHS` with the smallest cross-entropy on validation is used.

    Returns
    -------
    float32 array of shape [n_test, n_classes]
        Probabilities of the classes 0, 1, ...; 0 for a class without training jets.
    """
    scaler = StandardScaler().fit(train)
    train, validation, test = (scaler.transform(vectors) for vectors in (train, validation, test))
    classes = int(max(train_labels.max(), validation_labels.max())) + 1
    model = LogisticRegression(max_iter=500, warm_start=True)
    best, lowest = np.empty((0, classes), dtype=np.float32), np.inf
    for strength in STRENGTHS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(C=strength).fit(train, train_labels)
        loss = _cross_entropy(_all_classes(model, validation, classes), validation_labels)
        if loss < lowest:
            best, lowest = _all_classes(model, test, classes), loss
    return best


def knn_probe(
    train: Vectors, train_labels: Labels, validation: Vectors, validation_labels: Labels, test: Vectors
) -> Scores:
    """Scores from the nearest training jets, by cosine similarity of standardised embeddings.

    Parameters
    ----------
    train, validation, test : float array of shape [n_jets, dim]
        Embeddings.
    train_labels, validation_labels : int array of shape [n_jets]
        Classes. The number in `NEIGHBOURS` with the best accuracy on validation is used.

    Returns
    -------
    float32 array of shape [n_test, n_classes]
        Fractions of the classes 0, 1, ... among the neighbours, with larger weights for nearer ones.
    """
    scaler = StandardScaler().fit(train)
    train, validation, test = (normalize(scaler.transform(vectors)) for vectors in (train, validation, test))
    classes = int(max(train_labels.max(), validation_labels.max())) + 1
    numbers = [number for number in NEIGHBOURS if number <= len(train)] or [len(train)]
    found = NearestNeighbors(n_neighbors=numbers[-1], metric="cosine", algorithm="brute").fit(train)

    def votes(vectors: Vectors) -> dict[int, Scores]:
        distances, neighbours = found.kneighbors(vectors)
        weights = np.exp((distances[:, :1] - distances) / TEMPERATURE)
        kinds = np.eye(classes)[train_labels[neighbours]] * weights[..., np.newaxis]
        sums = {number: kinds[:, :number].sum(axis=1) for number in numbers}
        return {number: (vote / vote.sum(axis=1, keepdims=True)).astype(np.float32) for number, vote in sums.items()}

    judged = {
        number: float(np.mean(vote.argmax(axis=1) == validation_labels)) for number, vote in votes(validation).items()
    }
    return votes(test)[max(judged, key=judged.__getitem__)]


def _all_classes(model: LogisticRegression, vectors: Vectors, classes: int) -> Scores:
    scores = np.zeros((len(vectors), classes), dtype=np.float32)
    scores[:, model.classes_] = model.predict_proba(vectors)
    return scores


def _cross_entropy(scores: Scores, labels: Labels) -> float:
    return float(-np.log(np.maximum(scores[np.arange(len(labels)), labels], 1e-12)).mean())
