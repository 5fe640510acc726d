"""The data model: raw fields, packed tokens, padded batches."""

from __future__ import annotations

from coffea_fm.tokens.classes import CLASSES_OF_LABEL, FINE_CLASSES, JET_CLASSES
from coffea_fm.tokens.events import Collection, event_collection
from coffea_fm.tokens.fields import CONSTITUENT_FIELDS, JET_FIELDS, VERTEX_FIELDS, Field
from coffea_fm.tokens.jagged import flatten
from coffea_fm.tokens.pack import columns, pack
from coffea_fm.tokens.packed import PackedSets, PackedTokens
from coffea_fm.tokens.padding import length_buckets, pad
from coffea_fm.tokens.spec import InputSpec, TokenGroup, jet_fields, token_group

__all__ = [
    "CLASSES_OF_LABEL",
    "CONSTITUENT_FIELDS",
    "FINE_CLASSES",
    "JET_CLASSES",
    "JET_FIELDS",
    "VERTEX_FIELDS",
    "Collection",
    "Field",
    "InputSpec",
    "PackedSets",
    "PackedTokens",
    "TokenGroup",
    "columns",
    "event_collection",
    "flatten",
    "jet_fields",
    "length_buckets",
    "pack",
    "pad",
    "token_group",
]
