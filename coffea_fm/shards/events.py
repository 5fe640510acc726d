"""A folder of shards of events as one data set."""

from __future__ import annotations

import os
from dataclasses import replace

import pyarrow as pa

from coffea_fm.errors import InputError
from coffea_fm.shards.columns import packed_sets, select
from coffea_fm.shards.read import ShardDataset
from coffea_fm.tokens import Collection, InputSpec, PackedSets
from coffea_fm.tokens.events import first_jets, nest, nested, unnest
from coffea_fm.tokens.packed import BoolArray


class EventDataset(ShardDataset):
    """All shards of a folder, whose rows are events.

    Parameters
    ----------
    folder : path-like
        Holds ``*.parquet`` as `coffea_fm.event_collector` writes them.
    spec : InputSpec, optional
        What to read of each jet; all that is stored, by default.
    collection : Collection, optional
        Which jets to read of each event; all that are stored, by default.
    chosen : bool array of shape [n_events], optional
        Which of the events to read; all by default.
    tokens : bool
        Read the tokens of the jets, too; without them a packed event has only the group of its jets.

    Attributes
    ----------
    spec : InputSpec
        How the events are packed, see `coffea_fm.tokens.events.nested`.
    collection : Collection
        Which jets are read of each event.

    Raises
    ------
    InputError
        If the shards hold jets, or lack what is asked of them.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        spec: InputSpec | None = None,
        collection: Collection | None = None,
        chosen: BoolArray | None = None,
        *,
        tokens: bool = True,
    ) -> None:
        self._asked, self._with_tokens = collection, tokens
        super().__init__(folder, spec, chosen)

    def _token_columns(self) -> list[str]:
        stored = self._metadata.collection
        if stored is None:
            raise InputError(
                f"the shards in {self.folder} hold jets, not events: collect events with coffea_fm.event_collector, "
                "or leave the section event out of the recipe"
            )
        self._jets, self.collection = self.spec, self._asked or stored
        self._check_collection(stored)
        select(self._jets, self.stored, self.folder)
        self.spec = nested(self._jets, self.collection)
        tokens = tuple(
            replace(group, max_tokens=self.stored.group(group.name).max_tokens) for group in self._jets.groups
        )
        self._as_stored = nested(replace(self._jets, groups=tokens), replace(self.collection, maximum=stored.maximum))
        read = self.spec.groups if self._with_tokens else (self.spec.group(self.collection.name),)
        return [f"{group.name}.{name}" for group in read for name in group.names]

    @property
    def jets(self) -> InputSpec:
        """What is read of each jet."""
        return self._jets

    def jets_of(self, packed: PackedSets) -> PackedSets:
        """The jets of what `read` gave, one event after the other."""
        return unnest(packed, self.jets, self.collection).jets

    def whole(self) -> EventDataset:
        """The same data set with all of its events."""
        return EventDataset(self.folder, self.jets, self.collection)

    def _check_collection(self, stored: Collection) -> None:
        asked = self.collection
        for name in ("name", "order", "minimum"):
            theirs, ours = getattr(stored, name), getattr(asked, name)
            if theirs != ours:
                raise InputError(
                    f"the events in {self.folder} were collected with {name} {theirs}, not {ours}: ask for that, or "
                    "collect them again"
                )
        lacking = [name for name in asked.names if name not in stored.names]
        if lacking:
            raise InputError(
                f"the events in {self.folder} have no {stored.name}.{lacking[0]}: collect them again with it"
            )
        if asked.maximum > stored.maximum:
            raise InputError(
                f"the events in {self.folder} hold the first {stored.maximum} jets, not {asked.maximum}: collect them "
                "again, or ask for no more"
            )

    def _packed(self, table: pa.Table) -> PackedSets:
        if not self._with_tokens:
            return packed_sets(table, InputSpec((self.spec.group(self.collection.name),)))
        if self._as_stored == self.spec:
            return packed_sets(table, self.spec)
        events = unnest(packed_sets(table, self._as_stored), self.jets, self.collection)
        return nest(first_jets(events, self.jets, self.collection), self.jets, self.collection)
