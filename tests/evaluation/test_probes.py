from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.evaluation.probes import knn_probe, linear_probe


def blobs(n_jets: int, seed: int, separation: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Three normal clouds in the plane, one dimension a thousand times as wide as the other."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n_jets)
    centres = separation * np.array([[0.0, 1.0], [0.9, -0.5], [-0.9, -0.5]])
    return ((centres[labels] + rng.normal(size=(n_jets, 2))) * [1.0, 1000.0]).astype(np.float32), labels


@pytest.mark.parametrize("probe", [linear_probe, knn_probe])
def test_probes_come_near_the_optimum(probe):
    train, train_labels = blobs(2000, 0)
    validation, validation_labels = blobs(500, 1)
    test, labels = blobs(4000, 2)
    scores = probe(train, train_labels, validation, validation_labels, test)
    assert scores.shape == (4000, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    centres = 2.0 * np.array([[0.0, 1.0], [0.9, -0.5], [-0.9, -0.5]])
    distance = ((test[:, None] / [1.0, 1000.0] - centres) ** 2).sum(axis=-1)
    optimum = np.mean(distance.argmin(axis=1) == labels)
    assert np.mean(scores.argmax(axis=1) == labels) > optimum - 0.02


def test_regularisation_is_chosen_on_validation():
    """With few jets and many dimensions of noise, the weakest regularisation is not the best."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 3040)
    vectors = rng.normal(size=(3040, 100))
    vectors[:, 0] += 2.0 * labels - 1.0
    scores = linear_probe(vectors[:40], labels[:40], vectors[40:1040], labels[40:1040], vectors[1040:])
    test = labels[1040:]
    found = -np.log(scores[np.arange(len(test)), test]).mean()
    loosest = linear_probe_of_one(vectors, labels, 10.0)
    assert found < 0.8 * loosest


def linear_probe_of_one(vectors: np.ndarray, labels: np.ndarray, strength: float) -> float:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=500).fit(vectors[:40], labels[:40])
    return float(-np.log(model.predict_proba(vectors[1040:])[np.arange(2000), labels[1040:]]).mean())


def test_a_neighbour_by_direction_not_by_distance():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 3000)
    length = rng.lognormal(sigma=2, size=3000).clip(0.01, 5)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1) * length[:, np.newaxis]
    labels = (angle > np.pi).astype(int)
    train = np.concatenate([vectors[:1000], -vectors[:1000]])  # so that standardisation moves nothing
    train_labels = np.concatenate([labels[:1000], 1 - labels[:1000]])
    scores = knn_probe(train, train_labels, vectors[1000:2000], labels[1000:2000], vectors[2000:])
    assert np.mean(scores.argmax(axis=1) == labels[2000:]) > 0.95


@pytest.mark.parametrize("probe", [linear_probe, knn_probe])
def test_a_class_without_training_jets_scores_nothing(probe):
    train, train_labels = blobs(300, 0)
    validation, validation_labels = blobs(100, 1)
    seen = train_labels != 1
    scores = probe(train[seen], train_labels[seen], validation, validation_labels, validation)
    assert scores.shape == (100, 3)
    assert np.all(scores[:, 1] == 0)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
