"""Packed jets to padded tensors, grouped by length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from coffea_fm.nn.grouping import cheapest_groups
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import InputSpec, PackedSets, pad
from coffea_fm.tokens.jagged import IntArray

Columns = dict[str, npt.NDArray[Any]]


class Examples(NamedTuple):
    """Packed jets with what is known about them.

    Attributes
    ----------
    packed : PackedSets
        The jets.
    columns : dict of str to array of shape [n_jets]
        Every number that is stored once a jet: its class as ``target``, ``pt``, ...
    weight : float32 array of shape [n_jets]
        Their weights, 1 on average.
    """

    packed: PackedSets
    columns: Columns
    weight: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls, packed: PackedSets, columns: Columns, weights: Callable[[Columns], npt.NDArray[np.float32]]
    ) -> Examples:
        """The jets of some row groups, weighted."""
        return cls(packed, columns, weights(columns))

    def take(self, sets: IntArray) -> Examples:
        """These jets, in this order."""
        columns = {name: column[sets] for name, column in self.columns.items()}
        return Examples(self.packed.take(sets), columns, self.weight[sets])


class Batch(NamedTuple):
    """Padded jets that pass through the network at once.

    Attributes
    ----------
    inputs : Inputs
        Raw fields.
    columns : dict of str to Tensor [sets]
        Numbers stored once a jet; whole ones as int64, others as float32.
    weight : Tensor, float32 [sets]
        Weights.
    """

    inputs: Inputs
    columns: dict[str, Tensor]
    weight: Tensor


def set_lengths(packed: PackedSets) -> IntArray:
    """Tokens of each set, all groups together, int64 [n_sets]."""
    lengths: IntArray = np.sum([group.lengths for group in packed.groups.values()], axis=0, dtype=np.int64)
    return lengths


def padded_batches(
    examples: Examples,
    spec: InputSpec,
    micro_tokens: int,
    device: torch.device | str = "cpu",
    random: np.random.Generator | None = None,
) -> Iterator[Batch]:
    """Group jets by length and pad each group.

    Parameters
    ----------
    examples : Examples
        The jets of one step, or of a validation.
    spec : InputSpec
        Describes the jets.
    micro_tokens : int
        Most padded tokens of a group.
    device : torch.device
        Where the tensors go.
    random : numpy.random.Generator, optional
        Shuffles the groups: what a network keeps of the groups it saw last (batch norms) must not be that of short
        jets. Longest jets first by default.

    Yields
    ------
    Batch
        Every jet is in exactly one.
    """
    groups = cheapest_groups(set_lengths(examples.packed), micro_tokens)
    if random is not None:
        groups = [groups[index] for index in random.permutation(len(groups))]
    for sets in groups:
        part = examples.take(sets)
        inputs = Inputs.from_arrays(pad(part.packed, spec), spec, device)
        yield Batch(inputs, column_tensors(part.columns, device), torch.as_tensor(part.weight, device=device))


def column_tensors(columns: Columns, device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Numbers stored once a jet as tensors; whole ones as int64, others as float32."""
    return {
        name: torch.as_tensor(column.astype(np.int64 if column.dtype.kind in "iub" else np.float32), device=device)
        for name, column in columns.items()
    }
