"""Classifiers of frozen embeddings, and of no embedding at all, with few and many labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from encoders import encoder, jets_of
from figures_of_merit import figures, spread, target_of
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from study import Study
from vectors import embed, raw_features

from coffea_fm.evaluation.probes import knn_probe, linear_probe

LABEL_SETS = 3
"""Sets of labels of each size; a probe costs less than the fine-tuning of a network, which may have fewer."""
NEAREST_LABELS = 10_000
LABELS_OF_LADDER = 10_000
NEAREST_JETS = 20_000
"""Test jets whose neighbours are looked for."""
Floats = npt.NDArray[np.float32]
Targets = npt.NDArray[np.int64]


def vectors_of(study: Study, name: str) -> Callable[[str], Floats]:
    """Jets of a part as vectors: embeddings of an encoder, or raw features of the hardest constituents."""
    if name == "raw-features":
        return partial(raw_features, study)
    return partial(embed, study, encoder(study, name))


def probe(study: Study, name: str) -> dict[str, Any]:
    """Linear, nearest-neighbour and small-network classifiers of the frozen embedding, at each number of labels."""
    labels = [number for number in study.labels if name not in study.ladder or number <= LABELS_OF_LADDER]
    jets = "" if name == "raw-features" else jets_of(study, name)
    return judge_vectors(study, vectors_of(study, name), jets, labels)


def judge_vectors(study: Study, make: Callable[[str], Floats], jets: str, labels: list[int]) -> dict[str, Any]:
    """Accuracies on the test jets, by way, number of labels and seed."""
    vectors = {part: make(part + jets) for part in ("train", "test")}
    targets = {part: target_of(study, part + jets) for part in ("train", "test")}
    chosen = np.random.default_rng(0).permutation(len(targets["test"]))[:NEAREST_JETS]
    found: dict[str, Any] = {"linear": {}, "nearest": {}, "head": {}}
    for n_labels in labels:
        for seed in range(LABEL_SETS):
            order = np.random.default_rng([seed, 17]).permutation(len(targets["train"]))[:n_labels]
            cut = round(0.8 * n_labels)
            parts = [(vectors["train"][part], targets["train"][part]) for part in (order[:cut], order[cut:])]
            key = f"{n_labels}-{seed}"
            scores = linear_probe(*parts[0], *parts[1], vectors["test"])
            found["linear"][key] = figures(scores, targets["test"])
            found["head"][key] = figures(small_head(*parts[0], *parts[1], vectors["test"]), targets["test"])
            if n_labels == NEAREST_LABELS:
                scores = knn_probe(*parts[0], *parts[1], vectors["test"][chosen])
                found["nearest"][key] = figures(scores, targets["test"][chosen])
    return found


def small_head(train_x: Floats, train_y: Targets, validation_x: Floats, validation_y: Targets, x: Floats) -> Floats:
    """Scores of a head with one hidden layer on the frozen embedding; its weight decay is chosen on validation jets."""
    best, chosen = -1.0, None
    for decay in (1e-4, 1e-2, 1.0):
        network = MLPClassifier((64,), alpha=decay, max_iter=60, early_stopping=len(train_x) >= 5000, random_state=0)
        model = make_pipeline(StandardScaler(), network).fit(train_x, train_y)
        accuracy = float(model.score(validation_x, validation_y))
        if accuracy > best:
            best, chosen = accuracy, model
    assert chosen is not None
    return spread(chosen.predict_proba(x), chosen.classes_)
