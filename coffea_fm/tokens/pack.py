"""Awkward records to the packed form, by offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import awkward as ak
import numpy as np

from coffea_fm.arrays import BoolArray, FloatArray, IntArray
from coffea_fm.errors import InputError
from coffea_fm.tokens.jagged import Rewrap, Rows, flatten, offsets_of, ranges
from coffea_fm.tokens.levels import Level
from coffea_fm.tokens.packed import Members, Packed

_RAW = {"pt_raw": "pt", "mass_raw": "mass"}
"""Momenta before corrections; coffea-fm's schemas give them in a record ``uncorrected``."""

Path = tuple[str, ...]


def pack(things: ak.Array, level: Level) -> tuple[Packed, Rewrap]:
    """Read what a model needs of things such as jets.

    Parameters
    ----------
    things : awkward.Array
        Records under any lists and options, with the fields and members of the level.
    level : Level
        Which fields, in which order, and which members.

    Returns
    -------
    packed : Packed
        The records that are not None, in order. Members are sorted and truncated as their level says; where the list
        is None there are none. A value that is None in a field that may not be missing becomes NaN.
    rewrap : callable
        Puts an awkward layout of one element a record back under the lists and options of `things`.

    Raises
    ------
    InputError
        If a field is absent: names it and the fields that are there.
    """
    require(things, level)
    rows, rewrap = flatten(things)
    return _packed(rows, level), rewrap


class Chosen(NamedTuple):
    """The members of many things that are read: sorted and truncated as their level says.

    Attributes
    ----------
    level : str
        Their name.
    rows : Rows
        Those of the first thing, then those of the second, and so on.
    counts : int64 array of shape [n_parents]
        How many each has.
    places : int64 array of shape [n]
        Position of each among all members that are stored.
    stored : int64 array of shape [n_parents]
        How many members are stored of each.
    """

    level: str
    rows: Rows
    counts: IntArray
    places: IntArray
    stored: IntArray


def chosen_members(things: ak.Array, member: Level) -> Chosen:
    """Which members `pack` reads of things, and where they come from."""
    return _chosen(flatten(things)[0].field(member.name), member)


def gather(fields: Mapping[str, ak.Array]) -> ak.Array:
    """One record an event from what belongs to it, e.g. a list of jets for each event under ``FatJet``.

    Raises
    ------
    InputError
        If members are not lists of records, or not all fields have one entry an event.
    """
    lengths = {len(array) for array in fields.values() if ak.backend(array) != "typetracer"}
    if len(lengths) > 1:
        raise InputError(f"{', '.join(fields)} have different numbers of events: select them alike")
    some = next(iter(fields.values()))
    layout = ak.contents.RecordArray([array.layout for array in fields.values()], list(fields))
    return ak.Array(layout, behavior=some.behavior, attrs=some.attrs)


def columns(things: ak.Array, level: Level) -> list[Path]:
    """Paths of the fields that `pack` reads, e.g. ``("constituents", "pt")``."""
    paths = [column(things.fields, name) for name in level.names]
    for member in level.members:
        paths += [(member.name, *path) for path in columns(things[member.name], member)]
    return paths


def column(fields: Sequence[str], name: str) -> Path:
    """Where records with these fields hold a canonical field.

    The uncorrected momentum of a jet is in its record ``uncorrected``; a jet that was never corrected has only one
    momentum.

    Raises
    ------
    InputError
        If jets are corrected and do not say what they were before.
    """
    if name in _RAW and name not in fields:
        if "uncorrected" in fields:
            return ("uncorrected", _RAW[name])
        if "rawFactor" in fields:
            raise InputError(
                f"the model reads the uncorrected {_RAW[name]} of a jet, and these jets have a rawFactor but no field "
                "'uncorrected': a schema of coffea_fm.schemas gives it to the jets of CMS, jets made otherwise must be "
                "given it"
            )
        return (_RAW[name],)
    return (name,)


def require(things: ak.Array, level: Level) -> None:
    """Check that things have every field and member of a level.

    Raises
    ------
    InputError
        If one is absent.
    """
    _require(things, level, what="jets" if level.name == "jet" else level.name)


def _require(things: ak.Array, level: Level, what: str) -> None:
    for member in level.members:
        if member.name not in things.fields:
            raise InputError(_no_members(things, member, what))
    for name in level.names:
        *parents, leaf = column(things.fields, name)
        holder = things
        for parent in parents:
            holder = holder[parent]
        if leaf not in holder.fields:
            where = ".".join([what, *parents])
            raise InputError(
                f"the model reads {where}.{leaf}, and {_called(things, what)} do not have it: take files that store it, "
                f"or a model that does not read it; the fields of {where} are {_listed(holder.fields)}"
            )
    for member in level.members:
        _require(things[member.name], member, f"{what}.{member.name}")


def _no_members(things: ak.Array, member: Level, what: str) -> str:
    holders = [name for name in things.fields if member.name in things[name].fields]
    if holders:
        return (
            f"the model reads {member.name} of {what}, and these are whole events: give it the jets, such as "
            f"events.{holders[0]}"
        )
    return (
        f"the model reads {member.name} of {what}, and {_called(things, what)} have none: either the file was not opened "
        f"with a schema of coffea_fm.schemas, or it does not link {member.name} to this collection, and another "
        f"collection or format is needed; the fields are {_listed(things.fields)}"
    )


def _called(things: ak.Array, what: str) -> str:
    name = things.layout.purelist_parameter("__record__")
    return f"these {what} ({name})" if name else f"these {what}"


def _listed(fields: Sequence[str]) -> str:
    return ", ".join(fields[:20]) + (", ..." if len(fields) > 20 else "") if fields else "none"


def _packed(rows: Rows, level: Level) -> Packed:
    values = np.empty((len(rows.index), len(level.fields)), dtype=np.float32)
    missing = np.zeros((len(rows.index), len(level.missing_names)), dtype=np.bool_)
    for index, field in enumerate(level.fields):
        numbers, absent = _numbers(rows, column(rows.layout.fields, field.name))
        values[:, index] = numbers
        if field.missing:
            missing[:, level.missing_names.index(field.name)] = absent
        elif absent.any():
            values[absent, index] = np.nan
    return Packed(values, missing, {member.name: _members(rows.field(member.name), member) for member in level.members})


def _members(lists: Rows, level: Level) -> Members:
    chosen = _chosen(lists, level)
    return Members(chosen.counts, _packed(chosen.rows, level))


def _numbers(rows: Rows, path: Path) -> tuple[FloatArray, BoolArray]:
    """Numbers of a field, 0 where None, and where they are None."""
    *parents, leaf = path
    if not parents:
        return rows.field(leaf).values()
    present = np.arange(len(rows.index))
    for name in parents:
        rows, valid = rows.field(name).valid()
        present = present[valid]
    found, absent = rows.field(leaf).values()
    numbers = np.zeros(len(valid), dtype=found.dtype)
    everywhere = np.ones(len(numbers), dtype=np.bool_)
    numbers[present], everywhere[present] = found, absent
    return numbers, everywhere


def _chosen(lists: Rows, level: Level) -> Chosen:
    stored_lists, has_list = lists.valid()
    if not stored_lists.layout.is_list:
        raise InputError(f"{level.name} are not a list for each parent but {stored_lists.layout.form.type}")
    rows, found = stored_lists.lists()
    stored = np.zeros(len(has_list), dtype=np.int64)
    stored[has_list] = found
    rows, valid = rows.valid()
    counts = stored
    if not valid.all():
        parents = np.repeat(np.arange(len(stored)), stored)
        counts = np.bincount(parents[valid], minlength=len(stored)).astype(np.int64)
    order, counts = _order(rows, counts, level)
    return Chosen(level.name, Rows(rows.layout, rows.index[order]), counts, np.flatnonzero(valid)[order], stored)


def _order(rows: Rows, counts: IntArray, level: Level) -> tuple[IntArray, IntArray]:
    """Which things are first in the order of the level, parent by parent, and how many each parent has."""
    if level.order == "stored":
        order = np.arange(len(rows.index), dtype=np.int64)
    else:
        order = _descending(_numbers(rows, column(rows.layout.fields, level.order))[0], counts)
    if level.maximum is not None and counts.max(initial=0) > level.maximum:
        kept = np.minimum(counts, level.maximum)
        order = order[ranges(offsets_of(counts)[:-1], kept)]
        counts = kept
    return order, counts


def _descending(keys: FloatArray, counts: IntArray) -> IntArray:
    """Stable order by descending key inside each parent; only what needs it are sorted."""
    order = np.arange(len(keys), dtype=np.int64)
    parent = np.repeat(np.arange(len(counts)), counts)
    in_order = (keys[1:] <= keys[:-1]) | (parent[1:] != parent[:-1])
    unsorted = np.zeros(len(counts), dtype=np.bool_)
    unsorted[parent[1:][~in_order]] = True
    rows = np.flatnonzero(unsorted[parent])
    order[rows] = rows[np.lexsort((-keys[rows], parent[rows]))]
    return order
