"""Batches of events for the numerical check: every number of jets, any padding, and numbers that break graphs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from coffea_fm.export.cases import BATCHES, Arrays, Case
from coffea_fm.tokens import Collection
from coffea_fm.tokens.events import event_arrays
from coffea_fm.tokens.jagged import IntArray
from coffea_fm.tokens.packed import FloatArray

_PADDING = 3


def event_cases(embedding: FloatArray, features: FloatArray, collection: Collection) -> Iterator[Case]:
    """Batches of 1, 2, 7 and 64 events with as many jets as there may be, and ragged; then adversarial ones.

    Parameters
    ----------
    embedding : float32 array of shape [n_jets, dim]
        Of real jets; they are drawn, in turn, to fill the events.
    features : float32 array of shape [n_jets, n_fields]
        Their fields.
    collection : Collection
        The smallest and largest number of jets.
    """
    least, most = collection.minimum, collection.maximum
    for batch in BATCHES:
        ragged = np.linspace(most, least, batch).astype(np.int64)
        sizes = [(f"{n} jets", np.full(batch, n)) for n in range(least, most + 1)] + [("ragged", ragged)]
        for name, counts in sizes:
            arrays = _of_counts(embedding, features, counts, collection)
            yield Case(f"{batch} events of {name}", arrays, np.zeros(batch, np.bool_))
    yield from _adversarial(embedding, features, collection)


def permuted(case: Case, collection: Collection) -> Case:
    """The same events with the slots of their jets in another order."""
    slots = np.random.default_rng(0).permutation(case.arrays[collection.inputs[2]].shape[1])
    return Case(
        f"{case.name}, permuted", {name: array[:, slots] for name, array in case.arrays.items()}, case.undefined
    )


def _adversarial(embedding: FloatArray, features: FloatArray, collection: Collection) -> Iterator[Case]:
    counts = np.linspace(collection.minimum, collection.maximum, 7).astype(np.int64)
    vectors, jets, mask = collection.inputs
    last = (3, int(counts[3]) - 1, 0)
    for name, array, value in (
        ("a jet of zeros", jets, 0.0),
        ("a huge field", jets, 1e30),
        ("NaN in a field", jets, np.nan),
        ("an infinite field", jets, np.inf),
        ("NaN in an embedding", vectors, np.nan),
        ("NaN in the padding", "", np.nan),
    ):
        if array == jets and not collection.fields:
            continue
        arrays = _of_counts(embedding, features, counts, collection)
        undefined = np.zeros(len(counts), np.bool_)
        if not array:
            for padded in (vectors, jets):
                arrays[padded][~arrays[mask]] = value
        elif value == 0.0:
            arrays[array][last[:2]] = value
        else:
            arrays[array][last] = value
            undefined[3] = not np.isfinite(value)
        yield Case(name, arrays, undefined)


def _of_counts(embedding: FloatArray, features: FloatArray, counts: IntArray, collection: Collection) -> Arrays:
    """Events of exactly these numbers of jets, filled with real ones, with some slots to spare."""
    rows = np.arange(counts.sum()) % len(embedding)
    arrays = event_arrays(embedding[rows], features[rows], counts, collection)
    return {
        name: np.pad(array, [(0, 0), (0, _PADDING), *[(0, 0)] * (array.ndim - 2)]) for name, array in arrays.items()
    }
