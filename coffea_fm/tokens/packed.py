"""The packed form: one matrix of tokens and the length of each set, nothing padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from coffea_fm.tokens.jagged import IntArray, offsets_of, ranges

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PackedTokens:
    """One group of tokens of many sets.

    Parameters
    ----------
    values : float32 array of shape [n_tokens, n_fields]
        Raw fields of the tokens, one set after the other; 0 where missing.
    lengths : int64 array of shape [n_sets]
        How many tokens each set has.
    missing : bool array of shape [n_tokens, n_missing_fields]
        Where a token lacks a field that tokens may lack.
    """

    values: FloatArray
    lengths: IntArray
    missing: BoolArray

    @cached_property
    def offsets(self) -> IntArray:
        """Where each set begins, int64 [n_sets + 1]."""
        return offsets_of(self.lengths)

    def take(self, sets: npt.NDArray[np.integer]) -> PackedTokens:
        """These sets, in this order."""
        rows = ranges(self.offsets[:-1][sets], self.lengths[sets])
        return PackedTokens(self.values[rows], self.lengths[sets], self.missing[rows])


@dataclass(frozen=True)
class PackedSets:
    """All that a model reads of many jets.

    Parameters
    ----------
    groups : dict of str to PackedTokens
        Ragged groups, e.g. ``{"constituents": ...}``, each of n_sets sets.
    jet : float32 array of shape [n_sets, n_jet_fields]
        Fields of the jets themselves.
    """

    groups: dict[str, PackedTokens]
    jet: FloatArray

    def __len__(self) -> int:
        return len(self.jet)

    def take(self, sets: npt.NDArray[np.integer]) -> PackedSets:
        """These sets, in this order."""
        return PackedSets({name: group.take(sets) for name, group in self.groups.items()}, self.jet[sets])

    @staticmethod
    def concatenate(parts: Sequence[PackedSets]) -> PackedSets:
        """All sets of several parts, one part after the other."""
        groups = {
            name: PackedTokens(
                np.concatenate([part.groups[name].values for part in parts]),
                np.concatenate([part.groups[name].lengths for part in parts]),
                np.concatenate([part.groups[name].missing for part in parts]),
            )
            for name in parts[0].groups
        }
        return PackedSets(groups, np.concatenate([part.jet for part in parts]))
