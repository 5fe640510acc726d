"""Packed examples to padded tensors, grouped by length, for jets, events and any other level."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from coffea_fm.arrays import FloatArray, IntArray
from coffea_fm.nn.grouping import cheapest_groups
from coffea_fm.nn.inputs import Device, Inputs
from coffea_fm.tokens import Level, Packed, pad

Columns = dict[str, npt.NDArray[Any]]

NESTED = 4
"""Size of a batch of events in units of `micro_tokens`: its jets are split further by length."""


class Examples(NamedTuple):
    """Packed jets or events with their labels and weights.

    Attributes
    ----------
    packed : Packed
        Jets, or events.
    columns : dict of str to array of shape [n]
        Every number stored per example, such as the class as ``target``.
    weight : float32 array of shape [n]
        Weights, 1 on average.
    """

    packed: Packed
    columns: Columns
    weight: FloatArray

    @classmethod
    def of(cls, packed: Packed, columns: Columns, weights: Callable[[Columns], FloatArray]) -> Examples:
        """Examples from some row groups, with weights computed from the columns."""
        return cls(packed, columns, weights(columns))

    def take(self, rows: IntArray) -> Examples:
        """Select examples, in this order."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Examples(self.packed.take(rows), columns, self.weight[rows])


class Batch(NamedTuple):
    """Padded examples for one forward pass.

    Attributes
    ----------
    inputs : Inputs
        Raw fields.
    columns : dict of str to Tensor [n]
        Numbers stored per example; integers as int64, others as float32.
    weight : Tensor, float32 [n]
        Weights.
    """

    inputs: Inputs
    columns: dict[str, Tensor]
    weight: Tensor


def padded_batches(
    examples: Examples,
    level: Level,
    micro_tokens: int,
    device: Device = "cpu",
    random: np.random.Generator | None = None,
) -> Iterator[Batch]:
    """Group examples by length and pad each group.

    Parameters
    ----------
    examples : Examples
        Those of one optimizer step, or of a validation.
    level : Level
        Describes them.
    micro_tokens : int
        Maximum number of padded tokens in a group.
    device : torch.device
        Device of the tensors.
    random : numpy.random.Generator, optional
        Shuffles the groups. Otherwise the longest come first, and the running statistics of batch norms would be
        dominated by the short jets at the end.

    Yields
    ------
    Batch
        Each example is in exactly one batch.
    """
    groups = _groups(examples.packed, level, micro_tokens)
    if random is not None:
        groups = [groups[index] for index in random.permutation(len(groups))]
    for rows in groups:
        part = examples.take(rows)
        inputs = make_inputs(part.packed, level, micro_tokens, device)
        yield Batch(inputs, column_tensors(part.columns, device), torch.as_tensor(part.weight, device=device))


def make_inputs(packed: Packed, level: Level, micro_tokens: int, device: Device = "cpu") -> Inputs:
    """Pad packed things to tensors. Members that have members themselves (jets of events) are grouped by length too.

    A level that is not packed, because its embedding is already known, is left out.
    """
    arrays = pad(packed, level)
    inputs = Inputs.from_arrays(arrays, level, device)
    for member in level.members:
        if member.name not in packed.members or not packed.members[member.name].things.members:
            continue
        things = packed.members[member.name].things
        groups = cheapest_groups(things.n_tokens, micro_tokens)
        slots = np.flatnonzero(arrays[f"{member.name}_mask"])[np.concatenate([*groups, np.empty(0, np.int64)])]
        inputs.members[member.name] = inputs.members[member.name]._replace(
            groups=tuple(make_inputs(things.take(group), member, micro_tokens, device) for group in groups),
            slots=torch.as_tensor(slots, device=device),
        )
    return inputs


def column_tensors(columns: Columns, device: Device = "cpu") -> dict[str, Tensor]:
    """Convert numbers stored per example to tensors: integers to int64, others to float32."""
    return {
        name: torch.as_tensor(column.astype(np.int64 if column.dtype.kind in "iub" else np.float32), device=device)
        for name, column in columns.items()
    }


def _groups(packed: Packed, level: Level, micro_tokens: int) -> list[IntArray]:
    if not any(member.members for member in level.members):
        return cheapest_groups(packed.n_tokens, micro_tokens)
    ends = np.cumsum(packed.n_tokens)
    places = np.arange(0, ends[-1] if len(ends) else 0, NESTED * micro_tokens)[1:]
    return [rows for rows in np.split(np.arange(len(ends)), np.searchsorted(ends, places)) if len(rows)]
