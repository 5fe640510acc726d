"""Branches of nested lists, read in chunks.

uproot returns a chunk of such a branch (ROOT objects, vectors of vectors) as a view of the whole basket: the inner
offsets do not begin at 0, and the flat content holds more than the chunk. Links are relative to 0.
"""

from __future__ import annotations

import awkward as ak
from coffea.nanoevents.util import quote, unquote

from coffea_fm.schemas.registry import PREFIX, Form, Stack, register


def pack_nested_lists(base_form: Form) -> Form:
    """The base form of a file, with branches of nested lists that are packed when they are read.

    Parameters
    ----------
    base_form : form
        What coffea gives to a schema: one form a branch.

    Returns
    -------
    form
        To be given to the schema instead.
    """
    return {**base_form, "contents": [_packed(form) if _nested(form) else form for form in base_form["contents"]]}


def _nested(form: Form, depth: int = 0) -> bool:
    depth += form["class"].startswith("ListOffset")
    below = [form["content"]] if "content" in form else form.get("contents", [])
    return depth > 1 or any(_nested(inner, depth) for inner in below)


def _packed(form: Form) -> Form:
    packed = dict(form)
    if packed.get("form_key"):
        packed["form_key"] = quote(unquote(packed["form_key"]).replace(",!load", f",!load,!{PREFIX}pack", 1))
    if "content" in packed:
        packed["content"] = _packed(packed["content"])
    if "contents" in packed:
        packed["contents"] = [_packed(inner) for inner in packed["contents"]]
    return packed


@register
def pack(stack: Stack) -> None:
    """Lists without gaps, whose offsets begin at 0."""
    stack.append(ak.to_packed(stack.pop()))
