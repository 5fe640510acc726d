"""Numbers of tokens that stay the same for a whole run, computed once per jet and kept with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from coffea_fm.nn.batches import make_inputs
from coffea_fm.nn.grouping import cheapest_groups
from coffea_fm.nn.inputs import Device, Inputs, only_member
from coffea_fm.shards import RowGroup, ShardDataset
from coffea_fm.shards.read import Columns
from coffea_fm.tokens import Level, Packed

Numbers = npt.NDArray[np.int32]
Constants = Mapping[str, Callable[[Inputs], Tensor]]

MICRO_TOKENS = 4096
MOST_BYTES = 256 * 2**20
"""Row groups beyond this size are computed anew whenever they are read: 64 million numbers are kept, those of about
1.5 million jets."""


class ShardsWithConstants(ShardDataset):
    """Shards whose tokens carry the constants of a method as known outputs; see `Method.constants`.

    Each row group is computed when it is first read, in single precision and on its own, so that the numbers do not
    depend on the order of reading or on how many processes share the data.

    Parameters
    ----------
    dataset : ShardDataset
        Jets with one group of tokens.
    constants : mapping of str to callable
        Functions of a padded batch, giving integers [things, tokens].
    device : torch.device
        Device of the functions.
    """

    def __init__(self, dataset: ShardDataset, constants: Constants, device: Device = "cpu") -> None:
        self.__dict__.update(dataset.__dict__)
        self._dataset = dataset
        self._constants, self._device = constants, device
        self._kept_numbers: dict[RowGroup, Mapping[str, Numbers]] = {}
        self._bytes = 0

    def read(self, row_groups: Sequence[RowGroup]) -> tuple[Packed, Columns]:
        """Read row groups, in this order, with the constants of their tokens."""
        packed, columns = self._dataset.read(row_groups)
        if not row_groups:
            return packed, columns
        ends = np.cumsum([group.n_sets for group in row_groups])
        parts = [
            self._of(group, packed, np.arange(end - group.n_sets, end))
            for group, end in zip(row_groups, ends, strict=True)
        ]
        name = only_member(self.level).name
        joined = {key: np.concatenate([part[key] for part in parts]) for key in self._constants}
        members = packed.members[name]
        things = replace(members.things, known={**members.things.known, **joined})
        return replace(packed, members={**packed.members, name: replace(members, things=things)}), columns

    def _of(self, group: RowGroup, packed: Packed, rows: npt.NDArray[np.int64]) -> Mapping[str, Numbers]:
        if group in self._kept_numbers:
            return self._kept_numbers[group]
        found = compute(self._constants, packed.take(rows), self.level, self._device)
        self._bytes += sum(numbers.nbytes for numbers in found.values())
        if self._bytes <= MOST_BYTES:
            self._kept_numbers[group] = found
        return found


@torch.no_grad()
def compute(constants: Constants, packed: Packed, level: Level, device: Device) -> dict[str, Numbers]:
    """Apply the functions to jets of similar length at a time: one row per token, int32 [n_tokens, 1] each."""
    members = packed.members[only_member(level).name]
    found = {name: np.zeros((len(members.things), 1), dtype=np.int32) for name in constants}
    for jets in cheapest_groups(members.counts, MICRO_TOKENS):
        inputs = make_inputs(packed.take(jets), level, MICRO_TOKENS, device)
        for name, function in constants.items():
            found[name][members.rows(jets), 0] = function(inputs)[inputs.tokens.mask].numpy(force=True)
    return found
