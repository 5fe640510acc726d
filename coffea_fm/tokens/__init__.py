"""The data model: a tree of levels, packed by offsets and padded in batches of similar length."""

from __future__ import annotations

from coffea_fm.tokens.fields import CONSTITUENT_FIELDS, JET_FIELDS, VERTEX_FIELDS, Field
from coffea_fm.tokens.jagged import flatten
from coffea_fm.tokens.levels import Level, jet_level, token_level
from coffea_fm.tokens.pack import columns, pack
from coffea_fm.tokens.packed import Members, Packed
from coffea_fm.tokens.padding import array_names, length_buckets, pad

__all__ = [
    "CONSTITUENT_FIELDS",
    "JET_FIELDS",
    "VERTEX_FIELDS",
    "Field",
    "Level",
    "Members",
    "Packed",
    "array_names",
    "columns",
    "flatten",
    "jet_level",
    "length_buckets",
    "pack",
    "pad",
    "token_level",
]
