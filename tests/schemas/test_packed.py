"""Schemas: branches of nested lists, read in chunks."""

from __future__ import annotations

import awkward as ak
from coffea.nanoevents.util import quote, unquote

from coffea_fm.schemas.packed import pack, pack_nested_lists


def leaf(key):
    return {"class": "NumpyArray", "primitive": "float32", "form_key": quote(key)}


def lists(key, content):
    return {"class": "ListOffsetArray", "offsets": "i64", "content": content, "form_key": quote(key)}


def test_only_nested_lists_are_packed_when_read():
    flat = lists("pt,!load", leaf("pt,!load,!content"))
    nested = lists("refs,!load", lists("refs,!load,!content", leaf("refs,!load,!content,!content")))
    record = {"class": "RecordArray", "fields": ["refs"], "contents": [nested["content"]], "form_key": None}
    base = {"fields": ["pt", "refs", "objects"], "contents": [flat, nested, {**nested, "content": record}]}
    packed = pack_nested_lists(base)
    assert packed["contents"][0] is flat
    assert unquote(packed["contents"][1]["form_key"]) == "refs,!load,!fm_pack"
    assert unquote(packed["contents"][1]["content"]["content"]["form_key"]) == "refs,!load,!fm_pack,!content,!content"
    assert unquote(packed["contents"][2]["content"]["contents"][0]["form_key"]) == "refs,!load,!fm_pack,!content"
    assert unquote(nested["form_key"]) == "refs,!load"


def test_pack_makes_offsets_begin_at_0():
    chunk = ak.Array([[[1]], [[2, 3], []], [[4]]])[1:]
    stack = [chunk]
    pack(stack)
    assert stack[0].layout.offsets.data.tolist() == [0, 2, 3]
    assert stack[0].layout.content.offsets.data.tolist() == [0, 2, 2, 3]
    assert stack[0].layout.content.content.data.tolist() == [2, 3, 4]
