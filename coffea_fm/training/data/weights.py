"""Weights that make classes equal and their spectra flat, from histograms over all training jets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset
from coffea_fm.shards.read import Columns
from coffea_fm.training.recipe.sections import ReweightConfig


class Weights:
    """The weight of each jet: the stored one, times one that depends on its class and its bin.

    Parameters
    ----------
    dataset : ShardDataset
        The training jets: weights average to 1 over them.
    config : ReweightConfig, optional
        Without it, the stored weights are only scaled.

    Raises
    ------
    InputError
        If the shards lack a field to flatten, or stored weights are negative (the loss would have no lowest value) or
        add up to nothing.
    """

    def __init__(self, dataset: ShardDataset, config: ReweightConfig | None) -> None:
        self._edges = {} if config is None else {name: np.asarray(e) for name, e in config.flatten.items()}
        stored = dataset.scalars("target", "weight", *self._edges)
        negative = int((stored["weight"] < 0).sum())
        if negative:
            raise InputError(
                f"{negative} of the {len(stored['weight'])} weights in {dataset.folder} are negative, and no loss has a "
                "lowest value with them: collect their absolute values, or weights that do without"
            )
        shape = (len(dataset.classes), *(len(edges) + 1 for edges in self._edges.values()))
        self._factors = np.ones(shape)
        if config is not None:
            sums = np.zeros(shape)
            np.add.at(sums, self._bins(stored), stored["weight"].astype(np.float64))
            self._factors = _equalised(sums, config.largest)
        total = float(np.sum(self._of(stored), dtype=np.float64))
        if not total > 0:
            raise InputError(f"the weights of the jets in {dataset.folder} add up to {total}: collect them again")
        self._factors *= len(stored["target"]) / total

    def __call__(self, columns: Columns) -> npt.NDArray[np.float32]:
        """Weights of jets with these columns, float32 [n_jets]."""
        return self._of(columns).astype(np.float32)

    def _of(self, values: Columns) -> npt.NDArray[np.float64]:
        weights: npt.NDArray[np.float64] = values["weight"] * self._factors[self._bins(values)]
        return weights

    def _bins(self, values: Columns) -> tuple[npt.NDArray[np.int64], ...]:
        return (values["target"].astype(np.int64), *(np.digitize(values[name], e) for name, e in self._edges.items()))


def _equalised(sums: npt.NDArray[np.float64], largest: float) -> npt.NDArray[np.float64]:
    """Factors that give every occupied bin of every class the same sum, as far as `largest` allows."""
    factors = np.zeros_like(sums)
    for target, bins in enumerate(sums):
        occupied = bins > 0
        if not occupied.any():
            continue
        flat = np.where(occupied, bins[occupied].sum() / occupied.sum() / np.where(occupied, bins, 1.0), 0.0)
        flat = np.minimum(flat, largest)
        factors[target] = flat / (flat * bins).sum()
    return factors
