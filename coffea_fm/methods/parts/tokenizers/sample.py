"""A sample of the training jets, to fit quantiles and centres."""

from __future__ import annotations

import numpy as np

from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Packed

MOST_ROW_GROUPS = 64


def sample_jets(data: ShardDataset, n_jets: int) -> Packed:
    """About `n_jets` jets, the same number from each of up to 64 row groups spread over the shards."""
    groups = data.row_groups
    chosen = np.unique(np.linspace(0, len(groups) - 1, min(MOST_ROW_GROUPS, len(groups))).round().astype(int))
    parts = []
    for index in chosen:
        packed, _ = data.read([groups[index]])
        parts.append(packed.take(np.arange(min(len(packed), -(-n_jets // len(chosen))))))
    return Packed.concatenate(parts)
