"""Pack stored embeddings in place of the inputs of a backbone."""

from __future__ import annotations

import awkward as ak
import numpy as np

from coffea_fm.errors import InputError
from coffea_fm.inference.arrays import flatten_vectors, vectors_of
from coffea_fm.tokens import Level, Packed, flatten, pack
from coffea_fm.tokens.jagged import Rewrap
from coffea_fm.tokens.pack import chosen_members, gather

_FIELD = "coffea_fm_embedding"


def pack_vectors(embedding: ak.Array, dim: int) -> tuple[Packed, Rewrap]:
    """Pack things of which only the embedding is known. Raises `InputError` if a vector does not have length `dim`."""
    vectors, rewrap = flatten_vectors(embedding, dim)
    nothing = np.zeros((len(vectors), 0))
    return Packed(nothing.astype(np.float32), nothing.astype(np.bool_), known={"embedding": vectors}), rewrap


def pack_embedded(embedding: ak.Array, jets: ak.Array, level: Level, dim: int) -> tuple[Packed, Rewrap]:
    """Pack events whose jets have the fields of the level, and an embedding in place of constituents.

    Raises
    ------
    InputError
        If there is not one embedding for each jet.
    """
    (member,) = level.members
    try:
        embedded = ak.with_field(jets, embedding, _FIELD)
    except (ValueError, TypeError) as error:
        raise InputError("there must be one embedding per jet: select both in the same way") from error
    events = gather({member.name: embedded})
    packed, rewrap = pack(events, level)
    vectors = vectors_of(chosen_members(flatten(events)[0], member).rows.field(_FIELD), dim)
    return packed.with_known((member.name,), {"embedding": vectors}), rewrap
