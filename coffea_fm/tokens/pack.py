"""Pack awkward records, by offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import awkward as ak
import numpy as np

from coffea_fm.arrays import BoolArray, FloatArray, IntArray
from coffea_fm.errors import InputError
from coffea_fm.tokens.fields import component
from coffea_fm.tokens.jagged import Rewrap, Rows, flatten, offsets_of, ranges
from coffea_fm.tokens.levels import Level
from coffea_fm.tokens.packed import Members, Packed
from coffea_fm.tokens.vectors import vectors_of

_RAW = {"pt_raw": "pt", "mass_raw": "mass"}
"""Momenta before corrections. coffea-fm's schemas provide them in a record ``uncorrected``."""

Path = tuple[str, ...]


def pack(things: ak.Array, level: Level) -> tuple[Packed, Rewrap]:
    """Pack the fields and members that a model reads from things such as jets.

    Parameters
    ----------
    things : awkward.Array
        Records under any lists and options, with the fields and members of the level.
    level : Level
        The fields to read, in order, and the members.

    Returns
    -------
    packed : Packed
        The records that are not None, in order. Members are sorted and truncated as their level says; a list that is
        None counts as empty. None becomes NaN in a field that may not be missing.
    rewrap : callable
        Puts an awkward layout with one element per record back under the lists and options of `things`.

    Raises
    ------
    InputError
        If a field is missing. The message names it, and the fields that exist.
    """
    require(things, level)
    rows, rewrap = flatten(things)
    return pack_rows(rows, level), rewrap


def pack_rows(rows: Rows, level: Level) -> Packed:
    """Pack records that are already flat; see `pack`. Their fields are not checked."""
    values = np.empty((len(rows.index), len(level.fields)), dtype=np.float32)
    missing = np.zeros((len(rows.index), len(level.missing_names)), dtype=np.bool_)
    vectors: dict[str, tuple[FloatArray, BoolArray]] = {}
    for index, field in enumerate(level.fields):
        name, part = component(field.name)
        if part is None:
            numbers, absent = _numbers(rows, column(rows.layout.fields, name))
        else:
            if name not in vectors:
                vectors[name] = vectors_of(rows, name, sum(component(other)[0] == name for other in level.names))
            numbers, absent = vectors[name][0][:, part], vectors[name][1]
        values[:, index] = numbers
        if field.missing:
            missing[:, level.missing_names.index(field.name)] = absent
        elif absent.any():
            values[absent, index] = np.nan
    return Packed(values, missing, {member.name: _members(rows.field(member.name), member) for member in level.members})


class Chosen(NamedTuple):
    """The members that are read from many things, sorted and truncated as their level says.

    Attributes
    ----------
    level : str
        Name of the level of the members.
    rows : Rows
        The members of the first thing, then those of the second, and so on.
    counts : int64 array of shape [n_parents]
        Number of members of each thing.
    places : int64 array of shape [n]
        Position of each among all stored members.
    stored : int64 array of shape [n_parents]
        Number of stored members of each thing.
    """

    level: str
    rows: Rows
    counts: IntArray
    places: IntArray
    stored: IntArray


def chosen_members(things: Rows, member: Level) -> Chosen:
    """The members that `pack` reads from things, and where they come from."""
    return _chosen(things.field(member.name), member)


def gather(fields: Mapping[str, ak.Array]) -> ak.Array:
    """Combine what belongs to an event into one record per event, e.g. a list of jets under ``FatJet``.

    Raises
    ------
    InputError
        If members are not lists of records, or the fields have different numbers of events.
    """
    lengths = {len(array) for array in fields.values() if ak.backend(array) != "typetracer"}
    if len(lengths) > 1:
        raise InputError(f"{', '.join(fields)} have different numbers of events: select all in the same way")
    some = next(iter(fields.values()))
    layout = ak.contents.RecordArray([array.layout for array in fields.values()], list(fields))
    return ak.Array(layout, behavior=some.behavior, attrs=some.attrs)


def columns(things: ak.Array, level: Level) -> list[Path]:
    """Paths of the fields that `pack` reads, e.g. ``("constituents", "pt")``."""
    paths = list(dict.fromkeys(column(things.fields, name) for name in level.names))
    for member in level.members:
        paths += [(member.name, *path) for path in columns(things[member.name], member)]
    return paths


def column(fields: Sequence[str], name: str) -> Path:
    """Path of a canonical field in records with these fields.

    The uncorrected momentum of a jet is in its record ``uncorrected``. Jets that were never corrected have only one
    momentum. The components of a vector are in one field.

    Raises
    ------
    InputError
        If jets are corrected but do not store the momentum before corrections.
    """
    if name in _RAW and name not in fields:
        if "uncorrected" in fields:
            return ("uncorrected", _RAW[name])
        if "rawFactor" in fields:
            raise InputError(
                f"the model reads the uncorrected {_RAW[name]} of a jet, but these jets have a rawFactor and no field "
                "'uncorrected': the schemas of coffea_fm.schemas add it to CMS jets; add it to other jets yourself"
            )
        return (_RAW[name],)
    return (component(name)[0],)


def require(things: ak.Array, level: Level) -> None:
    """Check that things have every field and member of a level.

    Raises
    ------
    InputError
        If a field or member is missing.
    """
    _require(things, level, what="jets" if level.name == "jet" else level.name)


def absent(things: ak.Array, level: Level) -> list[str]:
    """Paths of the fields and members of a level that things do not have, e.g. ``"constituents.d0"``."""
    paths = []
    for name in level.names:
        try:
            found = _has(things, column(things.fields, name))
        except InputError:  # corrected jets that do not say what they were before
            found = False
        if not found and component(name)[0] not in paths:
            paths.append(component(name)[0])
    for member in level.members:
        if member.name in things.fields:
            paths += [f"{member.name}.{path}" for path in absent(things[member.name], member)]
        else:
            paths.append(member.name)
    return paths


def _has(things: ak.Array, path: Path) -> bool:
    for name in path:
        if name not in things.fields:
            return False
        things = things[name]
    return True


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
                f"the model reads {where}.{leaf}, but it is missing from {_called(things, what)}: use files that "
                f"store it, or a model that does not read it; the fields of {where} are {_listed(holder.fields)}"
            )
    for member in level.members:
        _require(things[member.name], member, f"{what}.{member.name}")


def _no_members(things: ak.Array, member: Level, what: str) -> str:
    holders = [name for name in things.fields if member.name in things[name].fields]
    if holders:
        return (
            f"the model reads {member.name} of {what}, but these are whole events: pass the jets, such as "
            f"events.{holders[0]}"
        )
    return (
        f"the model reads {member.name} of {what}, but {_called(things, what)} have none: either the file was not "
        f"opened with a schema of coffea_fm.schemas, or it does not link {member.name} to this collection and another "
        f"collection or format is needed; the fields are {_listed(things.fields)}"
    )


def _called(things: ak.Array, what: str) -> str:
    name = things.layout.purelist_parameter("__record__")
    return f"these {what} ({name})" if name else f"these {what}"


def _listed(fields: Sequence[str]) -> str:
    return ", ".join(fields[:20]) + (", ..." if len(fields) > 20 else "") if fields else "none"


def _members(lists: Rows, level: Level) -> Members:
    chosen = _chosen(lists, level)
    return Members(chosen.counts, pack_rows(chosen.rows, level))


def _numbers(rows: Rows, path: Path) -> tuple[FloatArray, BoolArray]:
    """The numbers of a field, 0 where None, and a mask of the None."""
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
        raise InputError(f"{level.name} must be a list per parent, not {stored_lists.layout.form.type}")
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
    """Indices of the things to read in the order of the level, parent by parent, and their number for each parent."""
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
    """Stable order by descending key within each parent. Only parents that are not yet in order are sorted."""
    order = np.arange(len(keys), dtype=np.int64)
    parent = np.repeat(np.arange(len(counts)), counts)
    in_order = (keys[1:] <= keys[:-1]) | (parent[1:] != parent[:-1])
    unsorted = np.zeros(len(counts), dtype=np.bool_)
    unsorted[parent[1:][~in_order]] = True
    rows = np.flatnonzero(unsorted[parent])
    order[rows] = rows[np.lexsort((-keys[rows], parent[rows]))]
    return order
