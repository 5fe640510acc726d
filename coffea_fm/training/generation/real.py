"""Real jets to condition on and to compare with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.errors import InputError
from coffea_fm.methods.parts.generation.base import JetGenerator
from coffea_fm.nn.batches import make_inputs
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level, Packed

_BATCH = 500


@dataclass(frozen=True)
class RealJets:
    """Two disjoint sets of real jets: one to start from, and one to compare with.

    Parameters
    ----------
    level : Level
        What the network reads.
    packed : Packed
        Jets to condition on and to decode.
    reference : Packed
        Other jets.
    target, reference_target : int64 array of shape [n_jets]
        Their classes.
    """

    level: Level
    packed: Packed
    reference: Packed
    target: IntArray
    reference_target: IntArray

    @classmethod
    def read(
        cls, folder: str | os.PathLike[str], method: JetGenerator, classes: Sequence[str], most: int, seed: int
    ) -> RealJets:
        """Draw at most `most` jets for each set from a folder of shards.

        Raises
        ------
        InputError
            If there are fewer than two, the shards do not have the inputs of the method, or their classes are not those
            that it was trained on, where they matter.
        """
        level = method.model.backbone.level
        found = ShardDataset(folder, level)
        if (method.n_classes or method.of_jets) and tuple(found.classes) != tuple(classes):
            raise InputError(
                f"{folder} has the classes {', '.join(found.classes)}, and the checkpoint was trained on {', '.join(classes)}: "
                "give shards with the same classes in the same order"
            )
        number = found.n_sets
        if number < 2:
            raise InputError(f"{folder} has {number} jets: to compare with real jets, give two or more")
        drawn = np.random.default_rng(seed).permutation(number)[: 2 * most]
        chosen = np.zeros(number, dtype=np.bool_)
        chosen[drawn] = True
        data = ShardDataset(folder, level, chosen)
        parts = list(data)
        packed = Packed.concatenate([part for part, _ in parts])
        target = np.concatenate([columns["target"] for _, columns in parts]).astype(np.int64)
        order = np.random.default_rng(seed).permutation(len(packed))
        first, second = np.array_split(order, 2)
        return cls(level, packed.take(first), packed.take(second), target[first], target[second])

    def jets(self, rows: IntArray) -> Inputs:
        """Jets of the first set, beginning again after the last one."""
        return make_inputs(self.packed.take(rows % len(self.packed)), self.level, 0)

    def batches(self) -> Iterator[Inputs]:
        """All jets of the first set, in order."""
        for start in range(0, len(self.packed), _BATCH):
            yield self.jets(np.arange(start, min(start + _BATCH, len(self.packed))))
