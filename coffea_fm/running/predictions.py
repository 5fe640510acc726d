"""Scores and true classes of labelled jets, for evaluation: from files through a processor, or from shards."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
from coffea.processor import ProcessorABC, column_accumulator

from coffea_fm.errors import InputError
from coffea_fm.inference import Tagger, load
from coffea_fm.running.truth import Truth
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens.levels import without_ranges

Predictions = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


class Predict(ProcessorABC):  # type: ignore[misc]
    """Scores and true classes of all jets that have one of the bundle's classes.

    Parameters
    ----------
    tagger : Tagger
        The bundle to evaluate.
    truth : Truth
        Which field holds the true class, and what its numbers mean.
    collection : str
        Name of the jets.
    """

    def __init__(self, tagger: Tagger, truth: Truth, collection: str = "FatJet") -> None:
        self.tagger, self.truth, self.collection = tagger, truth, collection

    def process(self, events: Any) -> dict[str, Any]:
        """Score the labelled jets of one chunk; ``left_out`` counts the others."""
        if self.collection not in events.fields:
            nearest = get_close_matches(self.collection, events.fields, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"choose one of {', '.join(events.fields)}"
            raise InputError(f"the events have no collection {self.collection!r}: {hint}")
        jets = events[self.collection]
        target, left_out = self.truth.columns(self.truth.of_jets(jets, self.collection), self.tagger.classes)
        labelled = jets[ak.unflatten(target >= 0, ak.num(jets.pt))]
        scores = ak.flatten(self.tagger(labelled))
        matrix = np.stack([ak.to_numpy(scores[name]) for name in self.tagger.classes], axis=1)
        return {
            "scores": column_accumulator(matrix),
            "target": column_accumulator(target[target >= 0]),
            "left_out": left_out,
        }

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
    tagger = load(bundle)
    level = tagger.chain.reads(("scores",))
    shards = ShardDataset(folder, without_ranges(level))
    columns = class_columns(shards.classes, tagger.classes)
    scores, targets = [], []
    for packed, stored in shards:
        scores.append(tagger.chain.run(packed, level, ("scores",))["scores"])
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
