"""Events whose jets a model reads together: which jets, in which order, at least and at most how many.

Levels are joined by an integer, never by padding a cube: a packed event is a set with two kinds of groups, its jets and
the tokens of all of them one jet after the other, and each jet tells how many tokens are its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.tokens.fields import Field
from coffea_fm.tokens.jagged import IntArray, Rows, offsets_of, ranges
from coffea_fm.tokens.pack import chosen_tokens, columns, pack, require
from coffea_fm.tokens.packed import FloatArray, PackedSets, PackedTokens
from coffea_fm.tokens.padding import scatter
from coffea_fm.tokens.spec import InputSpec, TokenGroup, jet_fields

EVENT_FIELDS = ("pt", "eta", "phi", "mass", "msoftdrop")


@dataclass(frozen=True)
class Collection:
    """The jets of an event that a model reads together.

    Parameters
    ----------
    name : str
        Of the collection, by which a tagger is given the jets, e.g. ``"FatJet"``.
    fields : tuple of Field
        What is read of the jets as they are given, corrected or shifted; a backbone reads other fields besides.
    order : str
        Jets are sorted by this field, descending and stable; ``"stored"`` leaves them as they are given.
    minimum : int
        Events with fewer jets have no score.
    maximum : int
        Of more jets, the first are read.
    """

    name: str
    fields: tuple[Field, ...]
    order: str = "pt"
    minimum: int = 1
    maximum: int = 5

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields."""
        return tuple(field.name for field in self.fields)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the arrays of events that a graph takes.

        The embeddings of their jets, float32 [events, jets, dim]; the fields of these, float32 [events, jets,
        n_fields]; and which slots hold a jet, bool [events, jets].
        """
        return f"{self.name}_embedding", self.name, f"{self.name}_mask"


class JetsOfEvents(NamedTuple):
    """The jets that a model reads of many events, one event after the other.

    Attributes
    ----------
    jets : PackedSets
        What the backbone reads of each jet.
    counts : int64 array of shape [n_events]
        How many jets are read of each event; 0 of an event with too few.
    features : float32 array of shape [n_jets, n_fields]
        The collection's fields of each jet.
    """

    jets: PackedSets
    counts: IntArray
    features: FloatArray


def event_collection(
    name: str, fields: tuple[str, ...] = EVENT_FIELDS, *, order: str = "pt", minimum: int = 1, maximum: int = 5
) -> Collection:
    """A collection of jets with canonical fields, by name.

    Raises
    ------
    RecipeError
        If a field is not a canonical one, `order` is not one of the fields, or the numbers of jets contradict.
    """
    if order != "stored" and order not in fields:
        raise RecipeError(f"{name} are ordered by {order!r}, which is not among their fields {', '.join(fields)}")
    if not 1 <= minimum <= maximum:
        raise RecipeError(f"{name}: at least {minimum} and at most {maximum} jets; give 1 <= minimum <= maximum")
    return Collection(name, jet_fields(fields), order, minimum, maximum)


def read_jets(jets: ak.Array, collection: Collection) -> tuple[ak.Array, IntArray]:
    """The jets that a model reads: sorted, truncated, none of events with too few.

    Parameters
    ----------
    jets : awkward.Array
        A list of jets for each event; lists and jets may be None.
    collection : Collection

    Returns
    -------
    jets : awkward.Array
        Flat, one event after the other; a view of those given.
    counts : int64 array of shape [n_events]

    Raises
    ------
    InputError
        If there is not one list of jets for each event, or the field that orders them is absent.
    """
    if jets.ndim != 2 or not jets.fields:
        raise InputError(f"expected one list of jets for each event, found {jets.type}")
    if collection.order != "stored" and collection.order not in jets.fields:
        raise InputError(f"the jets are ordered by {collection.order}, which they do not have: give it to them")
    group = TokenGroup(collection.name, collection.fields, collection.maximum, collection.order)
    events = Rows(jets.layout, np.arange(len(jets.layout), dtype=np.int64))
    rows, counts, _, _ = chosen_tokens(events, group)
    enough = counts >= collection.minimum
    index = ak.index.Index64(rows.index[np.repeat(enough, counts)])
    return ak.Array(ak.contents.IndexedArray(index, rows.layout)), np.where(enough, counts, 0)


def jet_features(jets: ak.Array, collection: Collection) -> FloatArray:
    """The collection's fields of flat jets as they are given, float32 [n_jets, n_fields]; NaN where None."""
    return pack(jets, _features_spec(collection))[0].jet


def jet_paths(jets: ak.Array, spec: InputSpec, collection: Collection) -> list[tuple[str, ...]]:
    """Paths of the fields that `pack_events` reads.

    Raises
    ------
    InputError
        If the jets lack one.
    """
    paths = []
    for part in (spec, _features_spec(collection)):
        require(jets, part)
        paths += columns(jets, part)
    return list(dict.fromkeys(paths))


def pack_events(jets: ak.Array, spec: InputSpec, collection: Collection) -> JetsOfEvents:
    """Read what a model needs of events.

    Parameters
    ----------
    jets : awkward.Array
        A list of jets for each event.
    spec : InputSpec
        What its backbone reads of a jet.
    collection : Collection

    Raises
    ------
    InputError
        If the jets lack a field, or there is not one list of them for each event.
    """
    read, counts = read_jets(jets, collection)
    return JetsOfEvents(pack(read, spec)[0], counts, jet_features(read, collection))


def first_jets(events: JetsOfEvents, spec: InputSpec, collection: Collection) -> JetsOfEvents:
    """The same events with no more jets and tokens of each than these, where more were kept."""
    jets, counts, features = events
    kept = np.minimum(counts, collection.maximum)
    if kept.sum() < counts.sum():
        rows = ranges(offsets_of(counts)[:-1], kept)
        jets, features = jets.take(rows), features[rows]
    groups = {group.name: _first_tokens(jets.groups[group.name], group.max_tokens) for group in spec.groups}
    return JetsOfEvents(PackedSets(groups, jets.jet), kept, features)


def event_arrays(
    embedding: FloatArray, features: FloatArray, counts: IntArray, collection: Collection
) -> dict[str, npt.NDArray[Any]]:
    """The padded arrays that the graph of an event head takes.

    Parameters
    ----------
    embedding : float32 array of shape [n_jets, dim]
        One event after the other.
    features : float32 array of shape [n_jets, n_fields]
    counts : int64 array of shape [n_events]
        How many jets each event has.
    collection : Collection
        Names the arrays.
    """
    mask = np.arange(max(1, counts.max(initial=0))) < counts[:, np.newaxis]
    return dict(zip(collection.inputs, (scatter(embedding, mask), scatter(features, mask), mask), strict=True))


def nested(spec: InputSpec, collection: Collection) -> InputSpec:
    """How events are packed: a group of their jets beside the tokens of all of them."""
    tokens = tuple(
        replace(group, max_tokens=group.max_tokens * collection.maximum, order="stored") for group in spec.groups
    )
    fields = (
        *(Field(_count(group), "1") for group in spec.groups),
        *(replace(field, name=f"{spec.momentum}_{field.name}") for field in spec.jet),
        *collection.fields,
    )
    return InputSpec((*tokens, TokenGroup(collection.name, fields, collection.maximum, "stored")))


def nest(events: JetsOfEvents, spec: InputSpec, collection: Collection) -> PackedSets:
    """Events as sets, packed as `nested` describes."""
    jets, counts, features = events
    ends = offsets_of(counts)
    groups, lengths = {}, []
    for group in spec.groups:
        tokens = jets.groups[group.name]
        groups[group.name] = PackedTokens(tokens.values, np.diff(tokens.offsets[ends]), tokens.missing)
        lengths.append(tokens.lengths[:, np.newaxis].astype(np.float32))
    values = np.hstack([*lengths, jets.jet, features])
    groups[collection.name] = PackedTokens(values, counts, np.zeros((len(values), 0), dtype=np.bool_))
    return PackedSets(groups, np.zeros((len(counts), 0), dtype=np.float32))


def unnest(packed: PackedSets, spec: InputSpec, collection: Collection) -> JetsOfEvents:
    """What `nest` was given."""
    members = packed.groups[collection.name]
    lengths, jet, features = np.split(members.values, [len(spec.groups), len(spec.groups) + len(spec.jet)], axis=1)
    groups = {}
    for column, group in enumerate(spec.groups):
        tokens = packed.groups[group.name]
        groups[group.name] = PackedTokens(tokens.values, lengths[:, column].astype(np.int64), tokens.missing)
    return JetsOfEvents(PackedSets(groups, jet), members.lengths, features)


def _features_spec(collection: Collection) -> InputSpec:
    return InputSpec((), collection.fields, "corrected")


def _count(group: TokenGroup) -> str:
    return f"n_{group.name}"


def _first_tokens(tokens: PackedTokens, most: int) -> PackedTokens:
    if tokens.lengths.max(initial=0) <= most:
        return tokens
    kept = np.minimum(tokens.lengths, most)
    rows = ranges(tokens.offsets[:-1], kept)
    return PackedTokens(tokens.values[rows], kept, tokens.missing[rows])
