"""Choose examples from large data sets."""

from __future__ import annotations

import numpy as np

from coffea_fm.shards import RowGroup, ShardDataset


def spread_row_groups(dataset: ShardDataset, most: int) -> list[RowGroup]:
    """Row groups with about `most` jets or events, spread over the data set."""
    groups = dataset.row_groups
    mean = dataset.n_sets / len(groups)
    chosen = np.linspace(0, len(groups) - 1, max(1, min(len(groups), round(most / mean)))).astype(int)
    return [groups[index] for index in np.unique(chosen)]
