"""Which tokens belong to which owner (jet): the links of each format as offsets and a global index.

Every function gives a *links form*: for the owners of a chunk, one list each of positions in the flat target
collection of the chunk. Feed it to :func:`coffea_fm.schemas.gather.gather`. Offsets are given as keys:
:func:`offsets_of` of a list form.

Negative references mean "none" and are dropped. References that point beyond their event are an error that names the
collection: a file whose links do not resolve must not give numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from awkward.contents import ListOffsetArray, NumpyArray
from awkward.index import Index64
from coffea.nanoevents.util import concat

from coffea_fm.errors import InputError
from coffea_fm.schemas.columns import leaf
from coffea_fm.schemas.registry import PREFIX, Form, Stack, flat, indices, register

Indices = npt.NDArray[np.int64]


def offsets_of(list_form: Form) -> str:
    """Key of the offsets (n + 1) of a list form: a collection, or a jagged column."""
    return str(concat(list_form["form_key"], "!offsets"))


def _links(step: str, label: str, *keys: str) -> Form:
    key = concat(*keys, label, f"!{PREFIX}{step}")
    return {
        "class": "ListOffsetArray",
        "offsets": "i64",
        "content": leaf("int64", key, "!content"),
        "parameters": {},
        "form_key": key,
    }


def links_from_table(
    owner_offsets: str, link_offsets: str, owner_index: Form, target_index: Form, target_offsets: str, label: str
) -> Form:
    """Links stored as a table of pairs per event (CMS NanoAOD, PFNano).

    Parameters
    ----------
    owner_offsets, link_offsets, target_offsets : str
        Keys of the offsets, by event, of owners, pairs and targets.
    owner_index, target_index : leaf
        Positions in the event of each pair's owner and target.
    label : str
        Name of the link collection, for messages.
    """
    keys = (owner_offsets, link_offsets, owner_index["form_key"], target_index["form_key"], target_offsets)
    return _links("table_links", label, *keys)


def links_from_ranges(
    owner_offsets: str, begin: Form, end: Form, index_offsets: str, index: Form, target_offsets: str, label: str
) -> Form:
    """Links stored as a range ``[begin, end)`` per owner of an index collection (EDM4hep, FCC).

    Parameters
    ----------
    owner_offsets, index_offsets, target_offsets : str
        Keys of the offsets, by event, of owners, index collection and targets.
    begin, end : leaf
        For each owner, the range in its event's index collection.
    index : leaf
        For each element of the index collection, a position in the event's targets.
    label : str
        Name of the owner's relation, for messages.
    """
    keys = (owner_offsets, begin["form_key"], end["form_key"], index_offsets, index["form_key"], target_offsets)
    return _links("range_links", label, *keys)


def links_from_nested(
    owner_offsets: str, reference_offsets: str, target_index: Form, target_offsets: str, label: str
) -> Form:
    """Links stored as a list of target positions per owner (ATLAS element links).

    Parameters
    ----------
    owner_offsets, target_offsets : str
        Keys of the offsets, by event, of owners and targets.
    reference_offsets : str
        Key of the offsets, by owner, of the references.
    target_index : leaf
        For each reference, a position in the event's targets; negative where it points nowhere.
    label : str
        Name of the owner's relation, for messages.
    """
    return _links("nested_links", label, owner_offsets, reference_offsets, target_index["form_key"], target_offsets)


def links_by_id(
    owner_offsets: str, reference_offsets: str, reference_id: Form, targets: list[tuple[str, Form]], label: str
) -> Form:
    """Links stored as identifiers that are unique in their event (Delphes ``TRef``).

    Parameters
    ----------
    owner_offsets : str
        Key of the offsets, by event, of the owners.
    reference_offsets : str
        Key of the offsets, by owner, of the references.
    reference_id : leaf
        For each reference, the identifier of its target; 0 or less means none.
    targets : list of (str, leaf)
        For each target collection, the key of its offsets by event and its identifiers. The links index the
        collections' columns joined by :func:`coffea_fm.schemas.columns.concatenated` in this order.
    label : str
        Name of the owner's relation, for messages.
    """
    keys = [key for offsets, identifier in targets for key in (offsets, identifier["form_key"])]
    return _links(
        "id_links", label, owner_offsets, reference_offsets, reference_id["form_key"], *keys, str(len(targets))
    )


def event_of(offsets: Indices) -> Indices:
    """Event of each element, from offsets by event."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _globalise(event: Indices, local: Indices, target_offsets: Indices, label: str) -> Indices:
    beyond = local >= np.diff(target_offsets)[event]
    if beyond.any():
        raise InputError(
            f"{label}: {np.count_nonzero(beyond)} of {len(local)} references point beyond the end of what they refer to "
            f"(first in event {event[beyond][0]} of this chunk): these links do not resolve, as after a selection that "
            "did not re-index them; use the file before that selection"
        )
    return np.asarray(target_offsets[event] + local)


def _push(stack: Stack, owner: Indices, target: Indices, n_owners: int) -> None:
    if np.any(owner[1:] < owner[:-1]):
        order = np.argsort(owner, kind="stable")
        owner, target = owner[order], target[order]
    offsets = np.zeros(n_owners + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=n_owners), out=offsets[1:])
    stack.append(ListOffsetArray(Index64(offsets), NumpyArray(np.ascontiguousarray(target))))


@register
def table_links(stack: Stack) -> None:
    """Links from a table of (owner, target) pairs per event."""
    label = stack.pop()
    owner_offsets, link_offsets, owner, target, target_offsets = _pop(stack, 5)
    event = event_of(link_offsets)
    owner, target = owner[: len(event)], target[: len(event)]
    given = (owner >= 0) & (target >= 0)
    event, owner, target = event[given], owner[given], target[given]
    _push(
        stack,
        _globalise(event, owner, owner_offsets, label),
        _globalise(event, target, target_offsets, label),
        int(owner_offsets[-1]),
    )


@register
def range_links(stack: Stack) -> None:
    """Links from ranges of an index collection."""
    label = stack.pop()
    owner_offsets, begin, end, index_offsets, index, target_offsets = _pop(stack, 6)
    event = event_of(owner_offsets)
    begin, end = begin[: len(event)], end[: len(event)]
    counts = np.maximum(end - begin, 0)
    _globalise(event[counts > 0], end[counts > 0] - 1, index_offsets, label)
    if np.any(begin[counts > 0] < 0):
        raise InputError(f"{label}: ranges begin before the first element, so these links do not resolve")
    owner = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    target = index[np.repeat(index_offsets[event] + begin, counts) + within]
    given = target >= 0
    owner, target = owner[given], target[given]
    _push(stack, owner, _globalise(event[owner], target, target_offsets, label), int(owner_offsets[-1]))


@register
def nested_links(stack: Stack) -> None:
    """Links from a list of target positions per owner."""
    label = stack.pop()
    owner_offsets, reference_offsets, target, target_offsets = _pop(stack, 4)
    owner = event_of(reference_offsets)
    target = target[: len(owner)]
    given = target >= 0
    owner, target = owner[given], target[given]
    event = event_of(owner_offsets)[owner]
    _push(stack, owner, _globalise(event, target, target_offsets, label), int(owner_offsets[-1]))


@register
def id_links(stack: Stack) -> None:
    """Links from identifiers that are unique in their event."""
    label = stack.pop()
    tables = _pop(stack, 2 * int(stack.pop()))
    owner_offsets, reference_offsets, reference = _pop(stack, 3)
    owner = event_of(reference_offsets)
    reference = reference[: len(owner)]
    given = reference > 0
    owner, reference = owner[given], reference[given]
    event = event_of(owner_offsets)[owner]
    target_event = np.concatenate([event_of(offsets) for offsets in tables[::2]])
    identifier = np.concatenate([ids[: offsets[-1]] for offsets, ids in zip(tables[::2], tables[1::2], strict=True)])
    span = 1 + max(int(identifier.max(initial=0)), int(reference.max(initial=0)))
    known = target_event * span + identifier
    order = np.argsort(known, kind="stable")
    position = np.searchsorted(known[order], event * span + reference)
    found = np.zeros(len(reference), bool)
    inside = position < len(known)
    found[inside] = known[order][position[inside]] == (event * span + reference)[inside]
    if not found.all():
        raise InputError(
            f"{label}: {np.count_nonzero(~found)} of {len(found)} references match nothing in their event "
            f"(first in event {event[~found][0]} of this chunk): these links do not resolve in this file"
        )
    _push(stack, owner, order[position], int(owner_offsets[-1]))


def _pop(stack: Stack, count: int) -> list[Indices]:
    operands = [indices(operand) for operand in stack[-count:]]
    del stack[-count:]
    return operands


@register
def take(stack: Stack) -> None:
    """The linked values: ``column, global index, !fm_take``."""
    index = indices(stack.pop())
    stack.append(flat(stack.pop())[index])
