"""Test batches for the numerical check of any tree of levels: all sizes, and inputs that break careless graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from coffea_fm.arrays import BoolArray, FloatArray, IntArray
from coffea_fm.names import counted
from coffea_fm.tokens import Level, Members, Packed

Change = Callable[[FloatArray, IntArray, IntArray], None]
"""Modifies values of members in place, given the index of the first member of each parent and the parent of each member."""

BATCHES = (1, 2, 7, 64)
_LENGTHS = np.array([9, 30, 2, 17, 4, 40, 12])
"""Numbers of members in the adversarial batches, limited by the maximum of the level."""
_REAL = 16
"""Number of unmodified things that are run through the whole chain."""
_MOST = 128
"""Largest number of members, for a level without a maximum."""


@dataclass(frozen=True)
class Case:
    """One batch to compare.

    Parameters
    ----------
    name : str
        Description, for error messages.
    packed : Packed
        The input things.
    level : Level
        Describes them.
    undefined : bool array of shape [n]
        Things whose output must be NaN; all others must be finite.
    """

    name: str
    packed: Packed
    level: Level
    undefined: BoolArray


def cases(packed: Packed, level: Level) -> Iterator[Case]:
    """Batches of 1, 2, 7 and 64 things with 0, 1, 2, the maximum, and ragged numbers of members; then adversarial ones.

    Members that have members themselves are first checked on their own, then once together with their parents. After
    that, their embeddings are used instead of their members.

    Parameters
    ----------
    packed : Packed
        Real things. Their members are reused in turn to reach the requested numbers.
    level : Level
        Describes them.
    """
    for member in level.members:
        if member.members:
            members = packed.members[member.name]
            plain = replace(members.things, known={})
            yield from cases(plain, member)
            whole = replace(packed, members={**packed.members, member.name: replace(members, things=plain)})
            yield _case(f"real {level.name}", whole.take(np.arange(min(_REAL, len(whole)))), level)
            alone = replace(members, things=replace(members.things, members={}))
            packed = replace(packed, members={**packed.members, member.name: alone})
    most = max((_most(member) for member in level.members), default=0)
    for batch in BATCHES:
        ragged = np.linspace(most, 0, batch).astype(np.int64) if batch > 1 else np.array([most // 3])
        of_each = level.members[0].name if len(level.members) == 1 else "members"
        sizes = [(f"{count} {of_each} each", np.full(batch, count)) for count in (0, 1, 2, most)]
        sizes.append((f"{of_each} of different numbers", ragged))
        for name, counts in sizes:
            yield _case(
                f"a batch of {counted(batch, level.name)} with {name}", _with_members(packed, level, counts), level
            )
    yield from _adversarial(packed, level)


def _adversarial(packed: Packed, level: Level) -> Iterator[Case]:
    for member in level.members:
        if not packed.members[member.name].things.values.size:
            continue
        for name, change in _changes(member, of_tokens=member not in level.collections).items():
            changed = _with_members(packed, level, _LENGTHS)
            members = changed.members[member.name]
            change(members.things.values, members.offsets[:-1], members.parents)
            yield _case(f"{member.name}: {name}", changed, level)
    for name in (level.name, *(member.name for member in level.members)):
        for value in (np.nan, np.inf):
            yield from _not_finite(packed, level, name, value)


def _changes(member: Level, *, of_tokens: bool) -> dict[str, Change]:
    """Adversarial modifications of members; each parent has at least one member."""
    gev = np.flatnonzero([field.unit == "GeV" for field in member.fields])

    def zeros(values: FloatArray, first: IntArray, _: IntArray) -> None:
        values[first] = 0.0

    def no_momentum(values: FloatArray, _: IntArray, __: IntArray) -> None:
        values[:, gev] = 0.0

    def huge(values: FloatArray, first: IntArray, _: IntArray) -> None:
        values[np.ix_(first, gev)] = 1e6
        values[np.ix_(first[::2], gev)] = 1e30

    def all_the_same(values: FloatArray, first: IntArray, parents: IntArray) -> None:
        values[:] = values[first[parents]]

    changes: dict[str, Change] = {"one of zeros": zeros, "one of huge momentum": huge, "all the same": all_the_same}
    # Not for jets: if all have pt = 0, the leading jet, and with it the reference of φ, depends on the slot order.
    return {**changes, "none has momentum": no_momentum} if of_tokens else changes


def _not_finite(packed: Packed, level: Level, name: str, value: float) -> Iterator[Case]:
    """One thing for each field of a level, with this value in that field, and one unmodified thing."""
    own = name == level.name
    n_fields = len((level if own else level.find(name)).fields)
    if n_fields == 0 or not (own or packed.members[name].things.values.size):
        return
    changed = _with_members(packed, level, np.resize(_LENGTHS, n_fields + 1))
    rows = np.arange(n_fields)
    if own:
        changed.values[rows, rows] = value
    else:
        changed.members[name].things.values[changed.members[name].offsets[:-1][rows], rows] = value
    undefined = np.append(np.ones(n_fields, np.bool_), False)
    yield Case(f"{value} in each field of {name}", changed, level, undefined)
    if not own and (known := changed.members[name].things.known):
        changed = _with_members(packed, level, np.resize(_LENGTHS, n_fields + 1))
        for vectors in changed.members[name].things.known.values():
            vectors[changed.members[name].offsets[:-1][:n_fields], 0] = value
        yield Case(f"{value} in {', '.join(known)} of {name}", changed, level, undefined)


def _case(name: str, packed: Packed, level: Level) -> Case:
    return Case(name, packed, level, np.zeros(len(packed), np.bool_))


def _with_members(packed: Packed, level: Level, counts: IntArray) -> Packed:
    """Copies of real things with exactly these numbers of members, limited by the maximum."""
    members = {}
    for member in level.members:
        things = packed.members[member.name].things
        kept = np.minimum(counts, _most(member)) * (len(things) > 0)
        members[member.name] = Members(kept, things.take(_in_turn(kept.sum(), things.values)))
    rows = _in_turn(len(counts), packed.values)
    return Packed(packed.values[rows], packed.missing[rows], members)


def _in_turn(count: int, values: FloatArray) -> IntArray:
    return np.arange(count) % max(1, len(values))


def _most(member: Level) -> int:
    return _MOST if member.maximum is None else member.maximum
