"""Which jets of a step go through the network together: the grouping by length that costs least."""

from __future__ import annotations

import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.tokens.padding import padded_length

GROUP_COST = 128
"""What it costs to start the network once more, in padded tokens (measured: 40 to 150)."""

JETS_MULTIPLE = 8
"""Groups have multiples of this many jets: for bf16, each new shape of a batch has to be prepared by the library."""

_FORBIDDEN = 1e9


def cheapest_groups(lengths: IntArray, micro_tokens: int, multiple: int = 8) -> list[IntArray]:
    """Group jets by length so that padded tokens plus a fixed cost a group are fewest.

    Greedy buckets leave a small rest, and pad the jets that share one with a long jet; the best of all groupings of
    the sorted lengths is found by dynamic programming instead, in a millisecond for a step.

    Parameters
    ----------
    lengths : int64 array of shape [n_jets]
        Tokens of each jet.
    micro_tokens : int
        Most padded tokens of a group, unless eight jets have more. A group has at least a quarter of it, where that
        is possible at all: batch norms need many tokens at once.
    multiple : int
        Padded lengths are multiples of this.

    Returns
    -------
    list of int64 arrays
        Indices of the jets of each group, longest jets first; every jet is in exactly one. All groups but the first
        have a multiple of eight jets.
    """
    order = np.argsort(-lengths, kind="stable")
    padded = padded_length(lengths[order], multiple)
    n_jets = len(order)
    cost = np.zeros(n_jets + 1)
    end = np.zeros(n_jets, dtype=np.int64)
    starts = [0, *range((n_jets - 1) % JETS_MULTIPLE + 1, n_jets, JETS_MULTIPLE)] if n_jets else []
    for start in reversed(starts):
        most = max(JETS_MULTIPLE, micro_tokens // int(padded[start]))
        smallest = (n_jets - start - 1) % JETS_MULTIPLE + 1
        sizes = np.arange(smallest, min(most, n_jets - start) + 1, JETS_MULTIPLE)
        tokens = sizes * padded[start]
        costs = GROUP_COST + tokens + np.where(tokens < micro_tokens / 4, _FORBIDDEN, 0.0) + cost[start + sizes]
        best = int(costs.argmin())
        cost[start], end[start] = costs[best], start + sizes[best]
    groups = []
    start = 0
    while start < n_jets:
        groups.append(order[start : end[start]])
        start = int(end[start])
    return groups
