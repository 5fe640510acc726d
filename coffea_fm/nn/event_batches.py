"""Packed events to tensors: jets in groups of similar length, joined to their events by an index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from coffea_fm.nn.batches import Examples, column_tensors, set_lengths
from coffea_fm.nn.grouping import cheapest_groups
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import Collection, InputSpec, PackedSets, pad
from coffea_fm.tokens.events import event_arrays, nested, unnest
from coffea_fm.tokens.jagged import IntArray

GROUPS = 4
"""Tokens of a batch of events, in units of a group of jets: their jets have several lengths."""


class EventInputs(NamedTuple):
    """A batch of events.

    Attributes
    ----------
    groups : tuple of Inputs
        Their jets, in groups of similar length; none where the embeddings are known.
    slots : Tensor, int64 [n_jets]
        Where the jets of the groups stand among the padded jets of the events.
    embedding : Tensor, float32 [events, jets, dim]
        Known embeddings of the jets; of width 0 where there are none.
    jets : Tensor, float32 [events, jets, fields]
        Raw fields for the head.
    mask : Tensor, bool [events, jets]
        True for real jets.
    """

    groups: tuple[Inputs, ...]
    slots: Tensor
    embedding: Tensor
    jets: Tensor
    mask: Tensor


class EventBatch(NamedTuple):
    """Events that pass through the network at once; see `coffea_fm.nn.batches.Batch`."""

    inputs: EventInputs
    columns: dict[str, Tensor]
    weight: Tensor


def event_batches(
    examples: Examples,
    spec: InputSpec,
    collection: Collection,
    micro_tokens: int,
    device: torch.device | str = "cpu",
) -> Iterator[EventBatch]:
    """Cut events into batches of a few thousand tokens.

    Parameters
    ----------
    examples : Examples
        Events as `coffea_fm.tokens.events.nest` packs them; or their jets alone, with embeddings behind the fields.
    spec : InputSpec
        What the backbone reads of a jet.
    collection : Collection
    micro_tokens : int
        Most padded tokens of a group of jets.
    device : torch.device
        Where the tensors go.

    Yields
    ------
    EventBatch
        Every event is in exactly one.
    """
    ends = np.cumsum(set_lengths(examples.packed))
    places = np.arange(0, ends[-1] if len(ends) else 0, GROUPS * micro_tokens)[1:]
    for events in np.split(np.arange(len(ends)), np.searchsorted(ends, places)):
        if len(events):
            part = examples.take(events)
            inputs = event_inputs(part.packed, spec, collection, micro_tokens, device)
            yield EventBatch(inputs, column_tensors(part.columns, device), torch.as_tensor(part.weight, device=device))


def event_inputs(
    packed: PackedSets,
    spec: InputSpec,
    collection: Collection,
    micro_tokens: int,
    device: torch.device | str = "cpu",
) -> EventInputs:
    """The tensors of packed events; see `event_batches`."""
    groups: list[IntArray] = []
    if spec.groups[0].name in packed.groups:
        jets, counts, features = unnest(packed, spec, collection)
        vectors = np.zeros((len(features), 0), dtype=np.float32)
        groups = cheapest_groups(set_lengths(jets), micro_tokens)
        inputs = tuple(Inputs.from_arrays(pad(jets.take(group), spec), spec, device) for group in groups)
    else:
        members = packed.groups[collection.name]
        n_fields = len(nested(spec, collection).group(collection.name).fields)
        features, vectors = (
            members.values[:, n_fields - len(collection.fields) : n_fields],
            members.values[:, n_fields:],
        )
        counts, inputs = members.lengths, ()
    arrays = event_arrays(vectors, features, counts, collection)
    embedding, padded, mask = (torch.as_tensor(arrays[name], device=device) for name in collection.inputs)
    slots = np.flatnonzero(arrays[collection.inputs[2]])[np.concatenate([*groups, np.empty(0, np.int64)])]
    return EventInputs(inputs, torch.as_tensor(slots, device=device), embedding, padded, mask)
