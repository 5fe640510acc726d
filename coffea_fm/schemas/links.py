"""Which tokens belong to which owner (jet): convert the links of each format to offsets and a global index.

Every function returns a *links form*: for each owner of a chunk, a list of positions in the flat target collection of
the chunk. Pass it to :func:`coffea_fm.schemas.gather.gather`. Offsets are passed as keys, see :func:`offsets_of`.

Negative references mean "none" and are dropped. References beyond the end of their event raise an error that names
the collection, because a file with unresolved links must not give results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coffea.nanoevents.util import concat

from coffea_fm.schemas import resolve
from coffea_fm.schemas.columns import leaf
from coffea_fm.schemas.registry import PREFIX, Form


def offsets_of(list_form: Form) -> str:
    """Key of the offsets (n + 1) of a list form: a collection, or a jagged column."""
    return str(concat(list_form["form_key"], "!offsets"))


def _links(step: Callable[..., Any], label: str, *keys: str) -> Form:
    key = concat(*keys, str(len(keys)), label, f"!{PREFIX}{step.__name__}")
    return {
        "class": "ListOffsetArray",
        "offsets": "i64",
        "content": leaf("int64", key, "!content"),
        "parameters": {},
        "form_key": key,
    }


def links_from_table(
    owner_offsets: str, link_offsets: str, owner_index: Form, target_index: Form, target_offsets: str, label: str
) -> Form:
    """Links stored as a table of pairs per event (CMS NanoAOD, PFNano).

    Parameters
    ----------
    owner_offsets, link_offsets, target_offsets : str
        Keys of the offsets, by event, of owners, pairs and targets.
    owner_index, target_index : leaf
        Positions in the event of each pair's owner and target.
    label : str
        Name of the link collection, for messages.
    """
    keys = (owner_offsets, link_offsets, owner_index["form_key"], target_index["form_key"], target_offsets)
    return _links(resolve.table_links, label, *keys)


def rows_of_table(owner_offsets: str, link_offsets: str, owner_index: Form, target_index: Form, label: str) -> Form:
    """Rows of the table of `links_from_table` for each owner, to gather columns of the table itself.

    Parameters
    ----------
    owner_offsets, link_offsets : str
        Keys of the offsets, by event, of owners and pairs.
    owner_index, target_index : leaf
        Positions in the event of each pair's owner and target.
    label : str
        Name of the link collection, for messages.
    """
    keys = (owner_offsets, link_offsets, owner_index["form_key"], target_index["form_key"])
    return _links(resolve.table_rows, label, *keys)


def all_rows_of_table(owner_offsets: str, link_offsets: str, owner_index: Form, label: str) -> Form:
    """As `rows_of_table`, with the rows whose target was not kept in the file."""
    return _links(resolve.all_rows, label, owner_offsets, link_offsets, owner_index["form_key"])


def targets_of_rows(rows: Form, link_offsets: str, target_index: Form, target_offsets: str, label: str) -> Form:
    """Position of the target of each row of `all_rows_of_table`, -1 where it was not kept: a leaf."""
    keys = (rows["content"]["form_key"], link_offsets, target_index["form_key"], target_offsets)
    content: Form = _links(resolve.targets_of_rows, label, *keys)["content"]
    return content


def links_from_ranges(
    owner_offsets: str, begin: Form, end: Form, index_offsets: str, index: Form, target_offsets: str, label: str
) -> Form:
    """Links stored as a range ``[begin, end)`` per owner of an index collection (EDM4hep, FCC).

    Parameters
    ----------
    owner_offsets, index_offsets, target_offsets : str
        Keys of the offsets, by event, of owners, index collection and targets.
    begin, end : leaf
        For each owner, the range in its event's index collection.
    index : leaf
        For each element of the index collection, a position in the event's targets.
    label : str
        Name of the owner's relation, for messages.
    """
    keys = (owner_offsets, begin["form_key"], end["form_key"], index_offsets, index["form_key"], target_offsets)
    return _links(resolve.range_links, label, *keys)


def links_from_nested(
    owner_offsets: str, reference_offsets: str, target_index: Form, target_offsets: str, label: str
) -> Form:
    """Links stored as a list of target positions per owner (ATLAS element links).

    Parameters
    ----------
    owner_offsets, target_offsets : str
        Keys of the offsets, by event, of owners and targets.
    reference_offsets : str
        Key of the offsets, by owner, of the references.
    target_index : leaf
        For each reference, a position in the event's targets; negative where it points nowhere.
    label : str
        Name of the owner's relation, for messages.
    """
    return _links(
        resolve.nested_links, label, owner_offsets, reference_offsets, target_index["form_key"], target_offsets
    )


def links_by_id(
    owner_offsets: str, reference_offsets: str, reference_id: Form, targets: list[tuple[str, Form]], label: str
) -> Form:
    """Links stored as identifiers that are unique in their event (Delphes ``TRef``).

    Parameters
    ----------
    owner_offsets : str
        Key of the offsets, by event, of the owners.
    reference_offsets : str
        Key of the offsets, by owner, of the references.
    reference_id : leaf
        For each reference, the identifier of its target; 0 or less means none.
    targets : list of (str, leaf)
        For each target collection, the key of its offsets by event and its identifiers. The links index the
        collections' columns joined by :func:`coffea_fm.schemas.columns.concatenated` in this order.
    label : str
        Name of the owner's relation, for messages.
    """
    keys = [key for offsets, identifier in targets for key in (offsets, identifier["form_key"])]
    return _links(resolve.id_links, label, owner_offsets, reference_offsets, reference_id["form_key"], *keys)
