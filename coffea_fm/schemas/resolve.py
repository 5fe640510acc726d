"""Resolve links: convert stored links to offsets and positions in the chunk's flat target collection.

Every column of the gathered tokens computes its links again from the same arrays. The last results are therefore
cached, and found by comparing the arrays, which is many times faster than resolving the links.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from awkward.contents import ListOffsetArray, NumpyArray
from awkward.index import Index64

from coffea_fm.arrays import IntArray
from coffea_fm.errors import InputError
from coffea_fm.schemas.registry import Array, Stack, flat, indices, register

Resolve: TypeAlias = Callable[..., ListOffsetArray]

_KEPT_RESULTS = 2


def links_step(resolve: Resolve) -> Resolve:
    """Register ``resolve(label, *operands)`` as the step ``operand, ..., count, label, !fm_name``."""
    recent: list[tuple[str, list[Array], ListOffsetArray]] = []

    def step(stack: Stack) -> None:
        nonlocal recent  # replaced, never changed: several threads may read
        label, count = stack.pop(), int(stack.pop())
        operands = [flat(operand) for operand in stack[-count:]]
        del stack[-count:]
        for known_label, known, links in recent:
            if label == known_label and all(map(np.array_equal, operands, known)):
                stack.append(links)
                return
        links = resolve(label, *map(indices, operands))
        recent = [*recent, (label, operands, links)][-_KEPT_RESULTS:]
        stack.append(links)

    register(step, resolve)
    return resolve


def event_of(offsets: IntArray) -> IntArray:
    """Event of each element, from offsets by event."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


@links_step
def table_links(
    label: str,
    owner_offsets: IntArray,
    link_offsets: IntArray,
    owner: IntArray,
    target: IntArray,
    target_offsets: IntArray,
) -> ListOffsetArray:
    """Links from a table of (owner, target) pairs per event."""
    _, event, owner, target = _given_pairs(link_offsets, owner, target)
    owner = _globalise(event, owner, owner_offsets, label)
    return _lists(owner, _globalise(event, target, target_offsets, label), owner_offsets)


@links_step
def table_rows(
    label: str, owner_offsets: IntArray, link_offsets: IntArray, owner: IntArray, target: IntArray
) -> ListOffsetArray:
    """Rows of such a table for each owner, in the order of its links."""
    row, event, owner, _ = _given_pairs(link_offsets, owner, target)
    return _lists(_globalise(event, owner, owner_offsets, label), row, owner_offsets)


@links_step
def range_links(
    label: str,
    owner_offsets: IntArray,
    begin: IntArray,
    end: IntArray,
    index_offsets: IntArray,
    index: IntArray,
    target_offsets: IntArray,
) -> ListOffsetArray:
    """Links from ranges of an index collection."""
    event = event_of(owner_offsets)
    begin, end = begin[: len(event)], end[: len(event)]
    counts = np.maximum(end - begin, 0)
    _globalise(event[counts > 0], end[counts > 0] - 1, index_offsets, label)
    if np.any(begin[counts > 0] < 0):
        raise InputError(f"{label}: ranges begin before the first element, so these links do not resolve in this file")
    owner = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    target = index[np.repeat(index_offsets[event] + begin, counts) + within]
    owner, target = owner[target >= 0], target[target >= 0]
    return _lists(owner, _globalise(event[owner], target, target_offsets, label), owner_offsets)


@links_step
def nested_links(
    label: str, owner_offsets: IntArray, reference_offsets: IntArray, target: IntArray, target_offsets: IntArray
) -> ListOffsetArray:
    """Links from a list of target positions per owner."""
    owner = event_of(reference_offsets)
    target = target[: len(owner)]
    owner, target = owner[target >= 0], target[target >= 0]
    event = event_of(owner_offsets)[owner]
    return _lists(owner, _globalise(event, target, target_offsets, label), owner_offsets)


@links_step
def id_links(
    label: str, owner_offsets: IntArray, reference_offsets: IntArray, reference: IntArray, *targets: IntArray
) -> ListOffsetArray:
    """Links from identifiers that are unique in their event; `targets` are offsets and identifiers in turn."""
    owner = event_of(reference_offsets)
    reference = reference[: len(owner)]
    owner, reference = owner[reference > 0], reference[reference > 0]
    event = event_of(owner_offsets)[owner]
    collections = list(zip(targets[::2], targets[1::2], strict=True))
    target_event = np.concatenate([event_of(offsets) for offsets, _ in collections])
    identifier = np.concatenate([identifier[: offsets[-1]] for offsets, identifier in collections])
    span = 1 + max(int(identifier.max(initial=0)), int(reference.max(initial=0)))
    known, wanted = target_event * span + identifier, event * span + reference
    order = np.argsort(known, kind="stable")
    slot = np.searchsorted(known[order], wanted)
    found = slot < len(known)
    found[found] = known[order[slot[found]]] == wanted[found]
    if not found.all():
        raise InputError(
            f"{label}: {np.count_nonzero(~found)} of {len(found)} references match nothing in their event "
            f"(first in event {event[~found][0]} of this chunk): these links do not resolve in this file"
        )
    return _lists(owner, order[slot], owner_offsets)


@links_step
def all_rows(label: str, owner_offsets: IntArray, link_offsets: IntArray, owner: IntArray) -> ListOffsetArray:
    """Rows of such a table for each owner, also those whose target was not kept."""
    row, event, owner, _ = _given_pairs(link_offsets, owner, np.zeros_like(owner))
    return _lists(_globalise(event, owner, owner_offsets, label), row, owner_offsets)


@links_step
def targets_of_rows(
    label: str, row: IntArray, link_offsets: IntArray, target: IntArray, target_offsets: IntArray
) -> ListOffsetArray:
    """Position of the target of each of these rows, -1 where it was not kept; in one list."""
    event, target = event_of(link_offsets)[row], target[row]
    kept = target >= 0
    found = np.full(len(row), -1, dtype=np.int64)
    found[kept] = _globalise(event[kept], target[kept], target_offsets, label)
    return ListOffsetArray(Index64(np.array([0, len(row)])), NumpyArray(found))


def _given_pairs(offsets: IntArray, owner: IntArray, target: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Row, event, owner and target of each pair of a table that refers to both."""
    event = event_of(offsets)
    owner, target = owner[: len(event)], target[: len(event)]
    row = np.flatnonzero((owner >= 0) & (target >= 0))
    return row, event[row], owner[row], target[row]


def _globalise(event: IntArray, local: IntArray, target_offsets: IntArray, label: str) -> IntArray:
    beyond = local >= np.diff(target_offsets)[event]
    if beyond.any():
        raise InputError(
            f"{label}: {np.count_nonzero(beyond)} of {len(local)} references point beyond the end of their target "
            f"(first in event {event[beyond][0]} of this chunk): these links do not resolve, as after a selection that "
            "did not re-index them; use the file before that selection"
        )
    return np.asarray(target_offsets[event] + local)


def _lists(owner: IntArray, target: IntArray, owner_offsets: IntArray) -> ListOffsetArray:
    """The targets of each owner, in their stored order."""
    if np.any(owner[1:] < owner[:-1]):
        order = np.argsort(owner, kind="stable")
        owner, target = owner[order], target[order]
    offsets = np.zeros(owner_offsets[-1] + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=owner_offsets[-1]), out=offsets[1:])
    return ListOffsetArray(Index64(offsets), NumpyArray(np.ascontiguousarray(target)))


@register
def take(stack: Stack) -> None:
    """The linked values: ``column, global index, !fm_take``."""
    index = indices(stack.pop())
    stack.append(flat(stack.pop())[index])


@register
def take_kept(stack: Stack) -> None:
    """The linked values, 0 where the target was not kept: ``column, global index or -1, !fm_take_kept``."""
    index = indices(stack.pop())
    column = flat(stack.pop())
    taken = np.zeros(len(index), dtype=column.dtype)
    taken[index >= 0] = column[index[index >= 0]]
    stack.append(taken)
