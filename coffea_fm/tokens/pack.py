"""Awkward jets to the packed form, by offsets."""

from __future__ import annotations

from collections.abc import Sequence

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError
from coffea_fm.tokens.jagged import IntArray, Rewrap, Rows, flatten, offsets_of, ranges
from coffea_fm.tokens.packed import PackedSets, PackedTokens
from coffea_fm.tokens.spec import InputSpec, TokenGroup

_MOMENTUM = ("pt", "eta", "phi", "mass")


def pack(jets: ak.Array, spec: InputSpec) -> tuple[PackedSets, Rewrap]:
    """Read what a model needs of jets.

    Parameters
    ----------
    jets : awkward.Array
        Jets under any lists and options, with the fields of the specification.
    spec : InputSpec
        Which fields, in which order.

    Returns
    -------
    packed : PackedSets
        The jets that are not None, in order. Tokens are sorted and truncated as the specification says; a jet whose
        group is None has no tokens. A value that is None in a field that may not be missing becomes NaN.
    rewrap : callable
        Puts an awkward layout of one element a jet back under the lists and options of `jets`.

    Raises
    ------
    InputError
        If a field is absent: names it and the fields that are there.
    """
    require(jets, spec)
    rows, rewrap = flatten(jets)
    groups = {group.name: _tokens(rows.field(group.name), group) for group in spec.groups}
    jet = np.empty((len(rows.index), len(spec.jet)), dtype=np.float32)
    for column, name in enumerate(spec.jet_names):
        jet[:, column] = _numbers(rows, jet_column(jets, name, spec))
    return PackedSets(groups, jet), rewrap


def token_places(jets: ak.Array, group: TokenGroup) -> tuple[IntArray, IntArray]:
    """Where the packed tokens of a group come from.

    Parameters
    ----------
    jets : awkward.Array
        As given to `pack`.
    group : TokenGroup

    Returns
    -------
    places : int64 array of shape [n_tokens]
        Position of each packed token among all tokens that the jets hold, one jet after the other.
    lengths : int64 array of shape [n_sets]
        How many tokens each jet holds.
    """
    _, _, places, lengths = chosen_tokens(flatten(jets)[0].field(group.name), group)
    return places, lengths


def chosen_tokens(lists: Rows, group: TokenGroup) -> tuple[Rows, IntArray, IntArray, IntArray]:
    """The tokens that are packed of lists, None as empty: sorted and truncated as the group says.

    Returns
    -------
    tokens : Rows
        One set after the other.
    lengths : int64 array of shape [n_sets]
        How many each set has of them.
    places : int64 array of shape [n_tokens]
        Position of each among all stored tokens.
    stored_lengths : int64 array of shape [n_sets]
        How many tokens each set holds.
    """
    stored, has_list = lists.valid()
    if not stored.layout.is_list:
        raise InputError(f"{group.name} are not a list for each jet but {stored.layout.form.type}")
    rows, counts = stored.lists()
    stored_lengths = np.zeros(len(has_list), dtype=np.int64)
    stored_lengths[has_list] = counts
    lengths = stored_lengths
    rows, valid = rows.valid()
    if not valid.all():
        set_of_token = np.repeat(np.arange(len(lengths)), lengths)
        lengths = np.bincount(set_of_token[valid], minlength=len(lengths)).astype(np.int64)
    order, lengths = _order(rows, lengths, group)
    return Rows(rows.layout, rows.index[order]), lengths, np.flatnonzero(valid)[order], stored_lengths


def columns(jets: ak.Array, spec: InputSpec) -> list[tuple[str, ...]]:
    """Paths of the fields that `pack` reads, e.g. ``("constituents", "pt")``."""
    tokens = [(group.name, name) for group in spec.groups for name in group.names]
    return tokens + [jet_column(jets, name, spec) for name in spec.jet_names]


def jet_column(jets: ak.Array, name: str, spec: InputSpec) -> tuple[str, ...]:
    """Where the jets hold one of the specification's jet fields.

    The uncorrected momentum is read from the record ``uncorrected``, where the jets have one.

    Raises
    ------
    InputError
        If the jets are corrected (they have a ``rawFactor``) and do not say what they were before.
    """
    if spec.momentum == "uncorrected" and name in _MOMENTUM:
        if "uncorrected" in jets.fields:
            if name in jets["uncorrected"].fields:
                return ("uncorrected", name)
        elif "rawFactor" in jets.fields and name in ("pt", "mass"):
            raise InputError(
                f"the model reads the uncorrected jet {name}, and these jets have a rawFactor but no field 'uncorrected': "
                "a schema of coffea_fm.schemas gives it to the jets of CMS, jets made otherwise must be given it"
            )
    return (name,)


def require(jets: ak.Array, spec: InputSpec) -> None:
    """Check that the jets have every field of the specification.

    Raises
    ------
    InputError
        If one is absent.
    """
    for group in spec.groups:
        if group.name not in jets.fields:
            collections = [name for name in jets.fields if group.name in jets[name].fields]
            if collections:
                raise InputError(
                    f"the model reads {group.name} of each jet, and these are whole events: give it the jets, such as "
                    f"events.{collections[0]}"
                )
            raise InputError(
                f"the model reads {group.name} of each jet, and {_called(jets)} have none: either the file was not opened "
                f"with a schema of coffea_fm.schemas, or it does not link {group.name} to this collection, and another "
                f"collection or format is needed; the fields are {_listed(jets.fields)}"
            )
    for *parents, leaf in columns(jets, spec):
        holder = jets
        for parent in parents:
            holder = holder[parent]
        if leaf not in holder.fields:
            where = ".".join(["jets", *parents])
            raise InputError(
                f"the model reads {where}.{leaf}, which {_called(jets)} do not have: take files that store it, or a model "
                f"that does without; the fields of {where} are {_listed(holder.fields)}"
            )


def _called(jets: ak.Array) -> str:
    name = jets.layout.purelist_parameter("__record__")
    return f"these jets ({name})" if name else "these jets"


def _listed(fields: Sequence[str]) -> str:
    return ", ".join(fields[:20]) + (", ..." if len(fields) > 20 else "") if fields else "none"


def _numbers(rows: Rows, path: tuple[str, ...]) -> npt.NDArray[np.float32]:
    numbers = np.full(len(rows.index), np.nan, dtype=np.float32)
    present = np.arange(len(rows.index))
    for name in path:
        rows, valid = rows.field(name).valid()
        present = present[valid]
    numbers[present] = rows.values()[0]
    return numbers


def _tokens(lists: Rows, group: TokenGroup) -> PackedTokens:
    rows, lengths = chosen_tokens(lists, group)[:2]
    values = np.empty((len(rows.index), len(group.fields)), dtype=np.float32)
    missing = np.zeros((len(rows.index), len(group.missing_names)), dtype=np.bool_)
    for column, field in enumerate(group.fields):
        numbers, absent = rows.field(field.name).values()
        values[:, column] = numbers
        if field.missing:
            missing[:, group.missing_names.index(field.name)] = absent
        else:
            values[absent, column] = np.nan
    return PackedTokens(values, lengths, missing)


def _order(rows: Rows, lengths: IntArray, group: TokenGroup) -> tuple[IntArray, IntArray]:
    """Which tokens are first in the order of the group, set by set, and how many each set has."""
    if group.order == "stored":
        order = np.arange(len(rows.index), dtype=np.int64)
    else:
        order = _descending(rows.field(group.order).values()[0], lengths)
    if lengths.max(initial=0) > group.max_tokens:
        kept = np.minimum(lengths, group.max_tokens)
        order = order[ranges(offsets_of(lengths)[:-1], kept)]
        lengths = kept
    return order, lengths


def _descending(keys: npt.NDArray[np.floating], lengths: IntArray) -> IntArray:
    """Stable order by descending key inside each set; only sets that need it are sorted."""
    order = np.arange(len(keys), dtype=np.int64)
    set_of_token = np.repeat(np.arange(len(lengths)), lengths)
    in_order = (keys[1:] <= keys[:-1]) | (set_of_token[1:] != set_of_token[:-1])
    unsorted = np.zeros(len(lengths), dtype=np.bool_)
    unsorted[set_of_token[1:][~in_order]] = True
    tokens = np.flatnonzero(unsorted[set_of_token])
    order[tokens] = tokens[np.lexsort((-keys[tokens], set_of_token[tokens]))]
    return order
