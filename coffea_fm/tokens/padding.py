"""Pad packed things in batches of similar length, with few shapes and little padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import BoolArray, IntArray
from coffea_fm.tokens.levels import Level
from coffea_fm.tokens.packed import Packed

Arrays = dict[str, npt.NDArray[Any]]


def length_buckets(lengths: IntArray, batch_tokens: int, multiple: int = 8) -> list[IntArray]:
    """Group things of similar length into batches of about the same number of padded tokens.

    Parameters
    ----------
    lengths : int64 array of shape [n]
        Number of tokens of each thing.
    batch_tokens : int
        Tokens per batch, including padding. A longer thing is a batch by itself.
    multiple : int
        Padded lengths are multiples of this. The batch size follows from the padded length, so that there are few
        distinct shapes.

    Returns
    -------
    list of int64 arrays
        Indices of each batch, longest first. Each thing is in exactly one batch.
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


def array_names(level: Level) -> tuple[str, ...]:
    """Names of the arrays that `pad` returns for a level: the possible inputs of a graph."""
    names = [level.name] if level.fields else []
    for member in level.members:
        names += [member.name, f"{member.name}_mask"]
        if member.missing_names:
            names.append(f"{member.name}_missing")
    return tuple(names)


def pad(packed: Packed, level: Level, multiple: int = 8) -> Arrays:
    """Pad things of one level and their members to the arrays that a graph takes.

    Parameters
    ----------
    packed : Packed
        The things of one batch.
    level : Level
        Describes `packed`.
    multiple : int
        The padded length is the largest length, rounded up to a multiple of this.

    Returns
    -------
    dict of str to array
        The level's own fields under its name, float32 [n, n_fields], if it has any. For each member ``m``: ``m``
        float32 [n, length, n_fields], ``m_mask`` bool [n, length] (True where there is a member), and ``m_missing``
        bool [n, length, n_missing_fields] if fields of members may be missing. Known outputs of the things, such as
        their ``embedding``, under their name, float32 [n, dim]; and known outputs of the members, such as
        ``m_embedding`` float32 [n, length, dim]. Members that are not packed are left out.
    """
    arrays: Arrays = {**packed.known}
    if level.fields:
        arrays[level.name] = packed.values
    for member in level.members:
        members = packed.members.get(member.name)
        if members is None:
            continue
        mask = slot_mask(members.counts, multiple)
        arrays[member.name] = scatter(members.things.values, mask)
        arrays[f"{member.name}_mask"] = mask
        if member.missing_names:
            arrays[f"{member.name}_missing"] = scatter(members.things.missing, mask)
        for name, known in members.things.known.items():
            arrays[f"{member.name}_{name}"] = scatter(known, mask)
    return arrays


def slot_mask(counts: IntArray, multiple: int = 8) -> BoolArray:
    """Mask of the filled slots of the padded form, bool [n, length]."""
    longest = np.asarray(counts.max(initial=0))
    slots = np.arange(int(padded_length(longest, multiple)))
    return slots < counts[:, np.newaxis]


def scatter(rows: npt.NDArray[Any], mask: BoolArray) -> npt.NDArray[Any]:
    """Put rows [n_rows, n_columns] into the slots of the mask [n, length], 0 elsewhere: [n, length, n_columns]."""
    padded = np.zeros((*mask.shape, rows.shape[1]), dtype=rows.dtype)
    padded[mask] = rows
    return padded
