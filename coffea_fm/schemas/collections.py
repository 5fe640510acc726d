"""Collections of an event by name."""

from __future__ import annotations

from typing import Any

from coffea_fm.errors import InputError
from coffea_fm.names import nearest


def collection_of(events: Any, name: str) -> Any:
    """The collection of that name, such as ``FatJet``.

    Raises
    ------
    InputError
        If the events have none: names the nearest.
    """
    if name not in events.fields:
        raise InputError(f"the events have no collection {name!r}: {nearest(name, events.fields, 'choose one of')}")
    return events[name]
