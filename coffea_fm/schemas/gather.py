"""Gathered columns: the tokens of each jet as a field of the jet itself.

The tokens are copied, jet by jet, when they are read, so that they survive any selection, sort, combination and
concatenation of the jets. (Links that are resolved later through the array's events do not: after concatenating two
chunks they give the tokens of other jets.)
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Mapping

from coffea.nanoevents.util import concat, quote

from coffea_fm.schemas.columns import optional, positive_index
from coffea_fm.schemas.registry import PREFIX, Form


def gather(
    links: Form,
    name: str,
    fields: Mapping[str, Form],
    rows: Form | None = None,
    of_links: Mapping[str, Form] | None = None,
) -> Form:
    """Linked tokens as a list of records per owner.

    Parameters
    ----------
    links : form
        From :mod:`coffea_fm.schemas.links`.
    name : str
        Record name of a token (its behaviour), e.g. ``"PFCand"``.
    fields : mapping of str to form
        Columns of the target collection: leaves, or optional leaves.
    rows : form, optional
        For each owner, the row of each of its links in the table of links.
    of_links : mapping of str to form, optional
        Columns of the table of links, which describe a token as part of this owner.

    Returns
    -------
    form
        Lists of records, to be added to the owners with :func:`add_field`.
    """
    index = links["content"]["form_key"]
    taken = {field: _taken(form, index) for field, form in fields.items()}
    if rows is not None and of_links:
        row = rows["content"]["form_key"]
        taken |= {field: _taken(form, row) for field, form in of_links.items()}
    return {
        "class": "ListOffsetArray",
        "offsets": "i64",
        "content": record(name, taken),
        "parameters": {},
        "form_key": links["form_key"],
    }


def gather_rows(
    rows: Form, name: str, of_rows: Mapping[str, Form], targets: Form, of_targets: Mapping[str, Form]
) -> Form:
    """Rows of a table of links as a list of records per owner, with columns of their targets where these were kept.

    Parameters
    ----------
    rows : form
        From `coffea_fm.schemas.links.all_rows_of_table`.
    name : str
        Record name.
    of_rows : mapping of str to form
        Columns of the table.
    targets : leaf
        From `coffea_fm.schemas.links.targets_of_rows`.
    of_targets : mapping of str to leaf
        Columns of the targets; missing where the target was not kept.
    """
    row, target = rows["content"]["form_key"], targets["form_key"]
    fields = {field: _taken(form, row) for field, form in of_rows.items()}
    for field, form in of_targets.items():
        values = {**form, "form_key": concat(form["form_key"], target, f"!{PREFIX}take_kept")}
        fields[field] = optional(values, positive_index(targets))
    return {
        "class": "ListOffsetArray",
        "offsets": "i64",
        "content": record(name, fields),
        "parameters": {},
        "form_key": rows["form_key"],
    }


def record(name: str, fields: Mapping[str, Form]) -> Form:
    """A record form of equally long columns.

    Its key differs from that of all other records; otherwise dask-awkward would read the columns of both.
    """
    checksum = zlib.crc32(",".join(form["form_key"] for form in fields.values()).encode())
    return {
        "class": "RecordArray",
        "fields": list(fields),
        "contents": list(fields.values()),
        "parameters": {"__record__": name},
        "form_key": quote(f"!invalid,{name},{checksum:08x}"),
    }


def _taken(form: Form, index: str) -> Form:
    taken = copy.copy(form)
    taken["form_key"] = concat(form["form_key"], index, f"!{PREFIX}take")
    if form["class"] == "ByteMaskedArray":
        taken["content"] = _taken(form["content"], index)
    elif form["class"] != "NumpyArray":
        raise TypeError(f"a column of class {form['class']} cannot be gathered")
    return taken


def fields_of(collection: Form) -> dict[str, Form]:
    """Name and form of each field of a collection (a list of records, or records)."""
    content = collection.get("content", collection)
    return dict(zip(content["fields"], content["contents"], strict=True))


def add_field(collection: Form, name: str, form: Form) -> None:
    """Add a field to a collection's records, in place, replacing a field of the same name."""
    content = collection.get("content", collection)
    fields = fields_of(collection) | {name: form}
    content["fields"], content["contents"] = list(fields), list(fields.values())
