"""Scores and true classes of labelled jets, for evaluation: from files through a processor, or from shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
from coffea.processor import ProcessorABC, column_accumulator

from coffea_fm.arrays import BoolArray
from coffea_fm.errors import InputError
from coffea_fm.evaluation.jets import VARIABLES
from coffea_fm.inference import Tagger
from coffea_fm.running.truth import Truth
from coffea_fm.schemas.collections import collection_of
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens.levels import without_ranges

MOST_EMBEDDED = 1000
"""Embeddings that are kept of one chunk, evenly spread: more than a map shows, and few enough for memory."""


class Predict(ProcessorABC):  # type: ignore[misc]
    """Scores of all taggers, and true classes, of all jets whose class each of the taggers scores.

    Parameters
    ----------
    taggers : mapping of str to Tagger
        The bundles to evaluate.
    truth : Truth
        Which field holds the true class, and what its numbers mean.
    collection : str
        Name of the jets.
    needs_truth : bool
        Leave out jets without a true class; without it they are kept, as -1.
    """

    def __init__(
        self, taggers: Mapping[str, Tagger], truth: Truth, collection: str = "FatJet", *, needs_truth: bool = True
    ) -> None:
        self.taggers, self.truth, self.collection = dict(taggers), truth, collection
        self.needs_truth = needs_truth

    def process(self, events: Any) -> dict[str, Any]:
        """Score the labelled jets of one chunk; ``left_out`` counts the others."""
        jets = collection_of(events, self.collection)
        if self.needs_truth or self.truth.column in jets.fields:
            numbers = self.truth.of_jets(jets, self.collection)
            target, left_out = self.truth.columns(numbers, common_classes(self.taggers), len(self.taggers))
        else:
            target, left_out = np.full(int(ak.sum(ak.num(jets.pt))), -1), {}
        if self.needs_truth:
            jets = jets[ak.unflatten(target >= 0, ak.num(jets.pt))]
            target = target[target >= 0]
        tagged = {name: ak.flatten(tagger(jets, _outputs(tagger))) for name, tagger in self.taggers.items()}
        results = {
            name: {
                "scores": np.stack([ak.to_numpy(part.scores[key]) for key in self.taggers[name].classes], axis=1),
                **({"embedding": ak.to_numpy(part.embedding)} if "embedding" in part.fields else {}),
            }
            for name, part in tagged.items()
        }
        variables = {name: ak.to_numpy(ak.flatten(jets[name])) for name in _variables(jets.fields)}
        return _accumulators(results, target, variables) | {"left_out": left_out if self.needs_truth else {}}

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""


def predict_shards(taggers: Mapping[str, Tagger], folder: Path) -> dict[str, Any]:
    """The same of the jets of a folder of shards, as `Predict` gives it.

    Returns
    -------
    dict
        ``scores`` and ``embedding`` by tagger, rows of NaN for jets without tokens or with non-finite inputs; ``target``,
        an index into the classes that all taggers have; ``embedded``, ``variables`` and ``left_out``.

    Raises
    ------
    InputError
        If the shards lack fields that a bundle reads, or have a class that one does not know.
    """
    wanted = {name: tuple(_outputs(tagger)) for name, tagger in taggers.items()}
    levels = {name: tagger.chain.reads(wanted[name]) for name, tagger in taggers.items()}
    datasets = [ShardDataset(folder, without_ranges(level)) for level in levels.values()]
    columns = class_columns(datasets[0].classes, common_classes(taggers))
    chunks = []
    for parts in zip(*datasets, strict=True):
        results = {
            name: tagger.chain.run(packed, levels[name], wanted[name])
            for (name, tagger), (packed, _) in zip(taggers.items(), parts, strict=True)
        }
        stored = parts[0][1]
        variables = {name: stored[name] for name in _variables(stored)}
        chunks.append(_accumulators(results, columns[stored["target"]], variables))
    return {**joined(chunks), "left_out": {}}


def joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The arrays of several chunks one after another, under the same names."""
    return {
        name: joined([part[name] for part in parts])
        if isinstance(value, dict)
        else np.concatenate([part[name].value for part in parts])
        for name, value in parts[0].items()
    }


def common_classes(taggers: Mapping[str, Tagger]) -> tuple[str, ...]:
    """Classes that every tagger scores, in the order of the first."""
    first, *others = (tagger.classes for tagger in taggers.values())
    return tuple(name for name in first if all(name in classes for classes in others))


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


def _outputs(tagger: Tagger) -> list[str]:
    given = {output.name for output in tagger.manifest.outputs if output.level == "jet"}
    return ["scores", "embedding"] if "embedding" in given else ["scores"]


def _variables(fields: Sequence[str] | Mapping[str, Any]) -> list[str]:
    found = (next((name for name in names if name in fields), None) for names in VARIABLES)
    return [name for name in found if name is not None]


def _accumulators(
    results: Mapping[str, Mapping[str, npt.NDArray[Any]]],
    target: npt.NDArray[np.integer],
    variables: Mapping[str, npt.NDArray[Any]],
) -> dict[str, Any]:
    embedded = _spread(len(target))
    return {
        "scores": {name: column_accumulator(result["scores"]) for name, result in results.items()},
        "embedding": {
            name: column_accumulator(result["embedding"][embedded])
            for name, result in results.items()
            if "embedding" in result
        },
        "target": column_accumulator(target),
        "embedded": column_accumulator(embedded),
        "variables": {name: column_accumulator(values) for name, values in variables.items()},
    }


def _spread(n_jets: int) -> BoolArray:
    chosen = np.zeros(n_jets, dtype=np.bool_)
    chosen[np.unique(np.linspace(0, n_jets - 1, min(n_jets, MOST_EMBEDDED)).astype(np.int64))] = True
    return chosen
