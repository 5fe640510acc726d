"""Skims of CMS files: events after a selection, with every reference between collections re-indexed.

A reference in NanoAOD is a position in another collection of the event. A selection changes positions, so that
a naive copy of selected events reads back with the constituents of other jets. Here positions are translated with
``stored_index``, which the schemas add to every collection that is referred to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import awkward as ak
import numpy as np
import uproot
from coffea.nanoevents import schemas

from coffea_fm.errors import InputError
from coffea_fm.files import atomic
from coffea_fm.schemas.cms import CONSTITUENTS, REFERENCES, VERTICES, Link

_EVENT_IDS = tuple(schemas.NanoAODSchema.event_ids)
_DERIVED = {"constituents", "vertices", "associated_vertices", "uncorrected", "stored_index"}
_LINKS = {link.table: link for link in CONSTITUENTS + VERTICES}


def write_skim(
    path: str | os.PathLike[str], events: ak.Array, *, collections: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Write selected events with selected jets as a NanoAOD-like ROOT file.

    Constituents and vertices of the remaining jets, and references among all collections, read back unchanged.
    Candidates that belong to no remaining jet are not written. The file only has a tree ``Events``: keep the sums
    of generator weights elsewhere.

    Parameters
    ----------
    path : path-like
        Output file; it is written completely or not at all.
    events : awkward.Array
        Events opened with :class:`~coffea_fm.schemas.PFNanoAODSchema` or :class:`~coffea_fm.schemas.NanoAODSchema`,
        after any selection of events. Collections may be replaced by a selection of themselves, in any order:
        ``events["FatJet"] = events.FatJet[events.FatJet.pt > 300]``.
    collections : iterable of str, optional
        Collections to write; by default all. The identifiers of the event, and the tables and candidates of the
        written jets, are added. Choose few: the time to create a tree grows with the square of the number of
        branches (12 s for all 3,000 of a PFNano file).

    Returns
    -------
    tuple of str
        Branches that were left out, because a tree cannot store them, or they refer to something unknown or not written.

    Raises
    ------
    InputError
        If a collection is not in the events, has lost its ``stored_index``, holds None or one element twice, or if
        the constituents of some jets were changed.
    """
    tables = {name: _without_options(events, name) for name in _names(events, collections)}
    links = [
        link for link in _LINKS.values() if link.table in tables and link.jets in tables and link.targets in tables
    ]
    for link in links:
        tables[link.table] = _pairs_of_jets(tables, link)
    for targets in {link.targets for link in links if link in CONSTITUENTS}:
        tables[targets] = _referred_to(tables, [link for link in links if link.targets == targets])
    branches: dict[str, ak.Array] = {}
    left_out: list[str] = []
    for name in tables:
        _add_branches(branches, left_out, tables, name)
    with atomic(path) as temporary, uproot.recreate(temporary) as file:
        tree = file.mktree("Events", {name: array.type.content for name, array in branches.items()})
        if len(events):
            tree.extend(branches)
    return tuple(left_out)


def _names(events: ak.Array, collections: Iterable[str] | None) -> list[str]:
    if collections is None:
        return list(events.fields)
    wanted = {*collections, *(name for name in _EVENT_IDS if name in events.fields)}
    for link in _LINKS.values():
        if link.jets in wanted and {link.table, link.targets} <= set(events.fields):
            wanted |= {link.table, link.targets}
    unknown = wanted - set(events.fields)
    if unknown:
        raise InputError(f"a skim cannot keep {', '.join(sorted(unknown))}: the events have no such collection")
    return [name for name in events.fields if name in wanted]


def _without_options(events: ak.Array, name: str) -> ak.Array:
    """A collection as plain lists: masks that hide nothing are removed."""

    def strip(layout: ak.contents.Content, **_: Any) -> ak.contents.Content | None:
        if layout.is_option:
            if layout.mask_as_bool(valid_when=False).any():
                raise InputError(
                    f"{name} contains None, which a ROOT tree cannot store: select with [] before the skim"
                )
            return ak.transform(strip, layout.project(), highlevel=False)
        return layout if layout.is_record else None

    return ak.transform(strip, events[name])


def _position(tables: dict[str, ak.Array], name: str, reference: ak.Array) -> ak.Array:
    """Current positions of the elements with these stored positions; -1 for removed elements."""
    collection = tables[name]
    if "stored_index" not in collection.fields:
        raise InputError(
            f"{name} has no stored_index, so that references to it cannot be translated: replace it by a selection of "
            "itself, opened with a schema of coffea_fm.schemas"
        )
    stored = collection.stored_index
    span = 1 + int(max(ak.max(stored, axis=None) or 0, ak.max(reference, axis=None) or 0))
    known, wanted = (_keys(indices, span) for indices in (stored, reference))
    order = np.argsort(known, kind="stable")
    known = known[order]
    if np.any(known[1:] == known[:-1]):
        raise InputError(f"{name} contains an element twice in one event, so that references to it are ambiguous")
    slot = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    local = ak.to_numpy(ak.flatten(ak.local_index(stored, axis=1)))
    found = (known[slot] == wanted) if len(known) else np.zeros(len(wanted), bool)
    found &= ak.to_numpy(ak.flatten(reference)) >= 0
    position = np.full(len(wanted), -1, np.int64)
    position[found] = local[order][slot[found]]
    return ak.unflatten(position, ak.num(reference))


def _keys(indices: ak.Array, span: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    event = np.repeat(np.arange(len(indices)), ak.to_numpy(ak.num(indices)))
    return np.asarray(event * span + ak.to_numpy(ak.flatten(indices)).astype(np.int64))


def _pairs_of_jets(tables: dict[str, ak.Array], link: Link) -> ak.Array:
    """The rows of a link table whose jet is left, in the order of the jets; both indices are still the stored ones."""
    table, jets = tables[link.table], tables[link.jets]
    position = _position(tables, link.jets, table.jetIdx)
    kept = position >= 0
    linked = kept & (table[link.target_index] >= 0)
    field = "constituents" if link in CONSTITUENTS else "vertices"
    if ak.any(ak.sum(linked, axis=1) != ak.sum(ak.num(jets[field], axis=2), axis=1)):
        raise InputError(f"the {field} of some {link.jets} were changed; a skim writes them as they were stored")
    if link in CONSTITUENTS:  # rows of vertices that the file did not keep describe these vertices themselves
        kept = linked
    table = table[kept]
    return table[ak.argsort(position[kept], axis=1, stable=True)]


def _referred_to(tables: dict[str, ak.Array], links: list[Link]) -> ak.Array:
    """Those candidates that a link table refers to."""
    targets = tables[links[0].targets]
    used = np.zeros(ak.sum(ak.num(targets)), bool)
    offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(targets)))])
    for link in links:
        position = _position(tables, link.targets, tables[link.table][link.target_index])
        used[ak.to_numpy(ak.flatten((position + offsets[:-1])[position >= 0]))] = True
    return targets[ak.unflatten(used, ak.num(targets))]


def _add_branches(branches: dict[str, ak.Array], left_out: list[str], tables: dict[str, ak.Array], name: str) -> None:
    collection = tables[name]
    columns = {}
    for field in collection.fields:
        if field in _DERIVED or ("Idx" in field and field.endswith("G")):
            continue
        column = collection[field]
        if "Idx" in field:
            target = _target(name, field)
            if target not in tables:
                left_out.append(f"{name}_{field}")
                continue
            column = ak.values_astype(_position(tables, target, column), np.int32)
        column = ak.to_packed(ak.without_parameters(column))
        if not isinstance(_content(column.layout), ak.contents.NumpyArray):
            left_out.append(f"{name}_{field}")
            continue
        columns[field] = column
    if not collection.fields:
        branches[name] = ak.to_packed(ak.without_parameters(collection))
    elif collection.ndim == 1:
        branches |= {f"{name}_{field}": column for field, column in columns.items()}
    elif columns:
        branches[name] = ak.zip(columns)


def _target(name: str, field: str) -> str | None:
    if name in _LINKS:
        return _LINKS[name].jets if field == "jetIdx" else _LINKS[name].targets
    return REFERENCES.get(f"{name}_{field}")


def _content(layout: ak.contents.Content) -> ak.contents.Content:
    return layout.content if isinstance(layout, ak.contents.ListOffsetArray) else layout
