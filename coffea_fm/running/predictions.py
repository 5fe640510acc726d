"""Scores and true classes of labelled jets, for evaluation: from files through a processor, or from shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
from coffea.processor import ProcessorABC, column_accumulator

from coffea_fm.bundle.load import load_bundle
from coffea_fm.errors import InputError
from coffea_fm.inference.checks import inspect
from coffea_fm.inference.providers import owned_threads
from coffea_fm.inference.run import run
from coffea_fm.inference.sessions import session
from coffea_fm.inference.tagger import Tagger
from coffea_fm.shards.read import ShardDataset

Predictions = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


class Predict(ProcessorABC):  # type: ignore[misc]
    """Scores and labels of all jets that have a true class.

    Parameters
    ----------
    tagger : Tagger
        The bundle to evaluate.
    label_classes : sequence of str
        Classes that the jets' field ``label`` counts; -1 stands for none.
    collection : str
        Name of the jets.
    """

    def __init__(self, tagger: Tagger, label_classes: Sequence[str], collection: str = "FatJet") -> None:
        self.tagger, self.collection = tagger, collection
        self.columns = class_columns(label_classes, tagger.classes)

    def process(self, events: Any) -> dict[str, Any]:
        """Score the labelled jets of one chunk."""
        jets = events[self.collection]
        if "label" not in jets.fields:
            raise InputError(f"{self.collection} has no true class (branch {self.collection}_label) to compare with")
        labelled = jets[jets.label >= 0]
        scores = ak.flatten(self.tagger(labelled))
        matrix = np.stack([ak.to_numpy(scores[name]) for name in self.tagger.classes], axis=1)
        target = self.columns[ak.to_numpy(ak.flatten(labelled.label))]
        return {"scores": column_accumulator(matrix), "target": column_accumulator(target)}

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""


def predict_shards(bundle: str, folder: Path) -> Predictions:
    """Scores and true classes of the jets of a folder of shards.

    Returns
    -------
    scores : float32 array of shape [n_jets, n_classes]
        Rows of NaN for jets without tokens or with non-finite inputs.
    target : int64 array of shape [n_jets]
        True class as an index into the classes of the bundle.

    Raises
    ------
    InputError
        If the shards lack fields that the bundle reads, or have a class that it does not know.
    """
    loaded = load_bundle(bundle)
    manifest = loaded.manifest
    shards = ShardDataset(folder, manifest.inputs)
    columns = class_columns(shards.classes, manifest.output("scores").classes)
    scores, targets = [], []
    for packed, stored in shards:
        results = run(
            packed,
            manifest,
            lambda graph: session(graph.sha256, loaded.graph_bytes(graph.name), None),
            ("scores",),
            sets=inspect(packed, manifest.inputs).scored,
            threads=owned_threads(),
        )
        scores.append(results["scores"])
        targets.append(columns[stored["target"]])
    return np.concatenate(scores), np.concatenate(targets)


def class_columns(classes: Sequence[str], columns: Sequence[str]) -> npt.NDArray[np.int64]:
    """Column of the scores for each class of the labels.

    Raises
    ------
    InputError
        If the scores have no column for a class.
    """
    unknown = [name for name in classes if name not in columns]
    if unknown:
        raise InputError(f"the bundle has no score for the class {unknown[0]!r} of the labels: {', '.join(columns)}")
    return np.array([list(columns).index(name) for name in classes], dtype=np.int64)
