"""Behaviour of jets with constituents: a clear error if the file has none."""

from __future__ import annotations

from typing import Any

from coffea_fm.errors import InputError


class Constituents:
    """Mixin for jet arrays and records, to be listed before the class of the format.

    coffea's own jets have a property ``constituents`` that resolves links through the events and hides a field of
    that name. This mixin returns the field.
    """

    @property
    def constituents(self) -> Any:
        """The jet's constituents, a list of records per jet.

        Raises
        ------
        InputError
            If the file stores no links from these jets to particles.
        """
        return _field(self, "constituents", "particles")

    @property
    def vertices(self) -> Any:
        """The secondary vertices associated to the jet, a list of records per jet.

        Raises
        ------
        InputError
            If the file stores no links from these jets to secondary vertices.
        """
        return _field(self, "vertices", "secondary vertices")


def _field(jets: Any, name: str, targets: str) -> Any:
    if name in jets.fields:
        return jets[name]
    layout = getattr(jets, "layout", None)
    collection = layout.purelist_parameter("collection_name") if layout is not None else None
    raise InputError(
        f"{collection or type(jets).__name__} has no {name}: the file has no branches that link these jets to "
        f"{targets}; use a format that stores them, or another jet collection"
    )
