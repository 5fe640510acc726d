"""Friends of a run: what taggers give for all jets of a chunk, written as a part that a retry replaces."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import awkward as ak
import pyarrow.parquet as pq
from coffea.processor import ProcessorABC

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.files import atomic
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.friends.metadata import FriendColumn, FriendModel, identifier
from coffea_fm.inference.reports import report
from coffea_fm.names import nearest
from coffea_fm.timing import WRITING, stage

COUNTS = b"coffea_fm_counts"
_WAY = 'give it an attribute taggers = {"FatJet": tagger}, or run the processor "friends"'


@dataclass(frozen=True)
class Friends:
    """What is written beside the events of a run; made by `friends_of`.

    Parameters
    ----------
    folder : Path
        Where the files go, absolute: the workers must see it.
    taggers : tuple of (str, BaseTagger)
        With the collection that each tags.
    outputs : tuple of str
        What of each is kept.
    keeps_parts : bool
        After the run, too: one with checkpoints does not tag chunks again that are kept there.
    """

    folder: Path
    taggers: tuple[tuple[str, BaseTagger], ...]
    outputs: tuple[str, ...]
    keeps_parts: bool = False

    @property
    def models(self) -> tuple[FriendModel, ...]:
        """The taggers and their columns, as a friend file describes them."""
        return tuple(
            FriendModel(
                bundle=tagger.name,
                checksum=tagger.checksum,
                collection=collection,
                outputs=self.outputs,
                columns=tuple(_columns(collection, tagger, self.outputs).values()),
            )
            for collection, tagger in self.taggers
        )

    @property
    def parts(self) -> Path:
        """Folder of the parts."""
        return self.folder / ".parts"

    def part(self, file: str, treename: str, start: int, stop: int) -> Path:
        """The part of a chunk: another one for another model or output."""
        models = [[model.collection, model.checksum] for model in self.models]
        key = json.dumps([file, treename, self.outputs, models])
        return self.parts / f"{sha256(key.encode()).hexdigest()[:24]}_{start}-{stop}.parquet"

    def write_part(self, events: Any) -> None:
        """Tag all jets of a chunk, and write what comes out."""
        arrays: dict[str, ak.Array] = {}
        counts: dict[str, dict[str, int]] = {}
        for collection, tagger in self.taggers:
            if collection not in events.fields:
                raise InputError(
                    f"there is no collection {collection!r} to write friends of: {nearest(collection, events.fields)}"
                )
            jets = events[collection]
            if jets.ndim != 2:
                raise InputError(f"friends need a list of jets per event, and {collection} is {jets.type}")
            tagged = tagger(jets, outputs=self.outputs)
            counts[f"{collection}_{tagger.name}"] = report(tagged).counts
            for path, column in _columns(collection, tagger, self.outputs).items():
                arrays[column.name] = tagged[path]
        about = events.metadata
        table = ak.to_arrow_table(ak.zip(arrays, depth_limit=1), extensionarray=False, list_to32=True)
        table = table.replace_schema_metadata({COUNTS: json.dumps(counts)})
        place = about["filename"], about["treename"], about["entrystart"], about["entrystop"]
        with stage(WRITING), atomic(self.part(*place)) as part:
            pq.write_table(table, part, compression="zstd")


def friends_of(
    processor: ProcessorABC, outputs: Sequence[str] | str, folder: Path | None, *, keeps_parts: bool = False
) -> Friends | None:
    """The friends that a run shall write, if any.

    Parameters
    ----------
    processor : ProcessorABC
        Its attribute ``taggers`` maps collections to a tagger, or to several; ``friend_outputs`` are what is kept by default.
    outputs : str or sequence of str
        Outputs of the taggers that are asked for.
    folder : Path, optional
        Of the run.
    keeps_parts : bool
        See `Friends`.

    Raises
    ------
    RecipeError
        If the processor offers no taggers, or nothing is to be written.
    BundleError
        If a bundle has no such output.
    """
    names = outputs.split(",") if isinstance(outputs, str) else list(outputs)
    names = [name.strip() for name in names if name.strip()] or list(getattr(processor, "friend_outputs", ()))
    if not names:
        return None
    if folder is None:
        raise RecipeError("friends need an output folder: give one")
    offered = getattr(processor, "taggers", None)
    if not isinstance(offered, Mapping) or not offered:
        raise RecipeError(f"{type(processor).__name__} offers no taggers to write friends of: {_WAY}")
    taggers = []
    for collection, given in offered.items():
        several = given if isinstance(given, Sequence) else [given]
        if not all(isinstance(tagger, BaseTagger) for tagger in several):
            raise RecipeError(f"the taggers of {type(processor).__name__} must be what coffea_fm.load gives: {_WAY}")
        taggers += [(collection, tagger) for tagger in several]
    friends = Friends(folder.absolute() / "friends", tuple(taggers), tuple(dict.fromkeys(names)), keeps_parts)
    columns = Counter(column.name for model in friends.models for column in model.columns)
    if twice := [name for name, count in columns.items() if count > 1]:
        raise RecipeError(f"two taggers would both write {twice[0]}: rename one of the bundles")
    return friends


def _columns(collection: str, tagger: BaseTagger, outputs: Sequence[str]) -> dict[tuple[str, ...], FriendColumn]:
    """The columns of one tagger, by where its answer holds them."""
    columns: dict[tuple[str, ...], FriendColumn] = {}
    for output in map(tagger.output, outputs):
        _refuse_other_than_jets(tagger, output.name)
        paths: list[tuple[str, ...]] = [(output.name, name) for name in output.classes] or [(output.name,)]
        for path in paths:
            field = identifier(f"{tagger.name}_{path[-1]}")
            dim = None if output.classes else output.dim
            columns[path] = FriendColumn(name=identifier(f"{collection}_{field}"), field=field, dim=dim)
    return columns


def _refuse_other_than_jets(tagger: BaseTagger, name: str) -> None:
    output, top = tagger.output(name), tagger.level_of(name)
    of_events = any(level.collections for level in tagger.levels)
    if output.pairs or output.level != top or (of_events and top == tagger.levels[0].name):
        each = tagger.levels[0].name if of_events else "token"
        raise RecipeError(
            f"the output {name!r} of the bundle {tagger.name!r} has one row per {each}, not per jet: friends store one "
            "row per jet"
        )
