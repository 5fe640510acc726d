"""Packed sets to padded batches of similar length: few shapes, little padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from coffea_fm.tokens.jagged import IntArray
from coffea_fm.tokens.packed import PackedSets, PackedTokens
from coffea_fm.tokens.spec import InputSpec


def length_buckets(lengths: IntArray, batch_tokens: int, multiple: int = 8) -> list[IntArray]:
    """Group sets of similar length into batches of about the same number of padded tokens.

    Parameters
    ----------
    lengths : int64 array of shape [n_sets]
        How many tokens each set has.
    batch_tokens : int
        Tokens of a batch, padding counted; a set longer than that is a batch by itself.
    multiple : int
        Padded lengths are multiples of this, and the batch size follows from the padded length, so that there are
        few distinct shapes.

    Returns
    -------
    list of int64 arrays
        Indices of the sets of each batch, longest sets first; every set is in exactly one.
    """
    order = np.argsort(-lengths, kind="stable")
    padded = padded_length(lengths[order], multiple)
    batches = []
    start = 0
    while start < len(order):
        stop = start + max(1, batch_tokens // int(padded[start]))
        batches.append(order[start:stop])
        start = stop
    return batches


def padded_length(lengths: IntArray, multiple: int = 8) -> IntArray:
    """Lengths rounded up to a multiple, and at least one multiple."""
    return np.maximum(-(-lengths // multiple), 1) * multiple


def pad(packed: PackedSets, spec: InputSpec, multiple: int = 8) -> dict[str, npt.NDArray[Any]]:
    """All sets as the padded arrays that a graph takes.

    Parameters
    ----------
    packed : PackedSets
        The sets of one batch.
    spec : InputSpec
        Names and order of the inputs.
    multiple : int
        The padded length is the longest length, rounded up to a multiple of this.

    Returns
    -------
    dict of str to array
        For each group ``g``: ``g`` float32 [n_sets, length, n_fields], ``g_mask`` bool [n_sets, length] (True for a
        token), and ``g_missing`` bool [n_sets, length, n_missing_fields] where the group has such fields; ``jet``
        float32 [n_sets, n_jet_fields] where the specification has jet fields.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    for group in spec.groups:
        tokens = packed.groups[group.name]
        mask = token_mask(tokens, multiple)
        arrays[group.name] = scatter(tokens.values, mask)
        arrays[f"{group.name}_mask"] = mask
        if group.missing_names:
            arrays[f"{group.name}_missing"] = scatter(tokens.missing, mask)
    if spec.jet:
        arrays["jet"] = packed.jet
    return arrays


def token_mask(tokens: PackedTokens, multiple: int = 8) -> npt.NDArray[np.bool_]:
    """Which slots of the padded form hold a token, bool [n_sets, length]."""
    longest = tokens.lengths.max(initial=0)
    slots = np.arange(int(padded_length(np.asarray(longest), multiple)))
    return slots < tokens.lengths[:, np.newaxis]


def scatter(rows: npt.NDArray[Any], mask: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Rows [n_rows, n] in the slots of the mask [n_sets, length], 0 elsewhere: [n_sets, length, n]."""
    padded = np.zeros((*mask.shape, rows.shape[1]), dtype=rows.dtype)
    padded[mask] = rows
    return padded
