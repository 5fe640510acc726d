"""Weights that balance the classes and flatten their spectra, from histograms of all training data."""

from __future__ import annotations

import numpy as np

from coffea_fm.arrays import DoubleArray, FloatArray, IntArray
from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset
from coffea_fm.shards.read import Columns
from coffea_fm.training.recipe.sections import ReweightConfig


class Weights:
    """Weight of each jet or event: the stored weight times a factor that depends on its class and bin.

    Parameters
    ----------
    dataset : ShardDataset
        The training data, over which the weights average to 1.
    config : ReweightConfig, optional
        Without it, the stored weights are only scaled.

    Raises
    ------
    InputError
        If a field to flatten is missing, or if stored weights are negative (the loss would be unbounded from below) or
        add up to zero.
    """

    def __init__(self, dataset: ShardDataset, config: ReweightConfig | None) -> None:
        flatten = {} if config is None else config.flatten
        self._edges = {_stored(name, dataset): np.asarray(edges) for name, edges in flatten.items()}
        stored = dataset.scalars("target", "weight", *self._edges)
        negative = int((stored["weight"] < 0).sum())
        if negative:
            raise InputError(
                f"{negative} of the {len(stored['weight'])} weights in {dataset.folder} are negative, which makes the loss "
                "unbounded from below: collect absolute values, or non-negative weights"
            )
        shape = (len(dataset.classes), *(len(edges) + 1 for edges in self._edges.values()))
        self._factors = np.ones(shape)
        if config is not None:
            sums = np.zeros(shape)
            np.add.at(sums, self._bins(stored), stored["weight"].astype(np.float64))
            self._factors = _equalised(sums, config.largest)
        total = float(np.sum(self._of(stored), dtype=np.float64))
        if not total > 0:
            raise InputError(f"the weights in {dataset.folder} add up to {total}: collect them again")
        self._factors *= len(stored["target"]) / total

    def __call__(self, columns: Columns) -> FloatArray:
        """Weights of rows with these columns, float32 [n_rows]."""
        return self._of(columns).astype(np.float32)

    def _of(self, values: Columns) -> DoubleArray:
        weights: DoubleArray = values["weight"] * self._factors[self._bins(values)]
        return weights

    def _bins(self, values: Columns) -> tuple[IntArray, ...]:
        return (values["target"].astype(np.int64), *(np.digitize(values[name], e) for name, e in self._edges.items()))


def _equalised(sums: DoubleArray, largest: float) -> DoubleArray:
    """Factors that give all occupied bins of a class the same sum of weights, up to the limit `largest`."""
    factors = np.zeros_like(sums)
    for target, bins in enumerate(sums):
        occupied = bins > 0
        if not occupied.any():
            continue
        flat = np.where(occupied, bins[occupied].sum() / occupied.sum() / np.where(occupied, bins, 1.0), 0.0)
        flat = np.minimum(flat, largest)
        factors[target] = flat / (flat * bins).sum()
    return factors


def _stored(name: str, dataset: ShardDataset) -> str:
    """Column of a field; shards may contain only the uncorrected jet momentum."""
    raw = f"{name}_raw"
    return raw if name not in dataset.scalar_names and raw in dataset.scalar_names else name
