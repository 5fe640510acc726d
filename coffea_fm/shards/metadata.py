"""What a shard says about itself: the levels of its columns, its classes, and where its rows come from."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import Any, Literal

import awkward as ak
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from coffea_fm.errors import InputError
from coffea_fm.tokens import Level

KEY = b"coffea_fm"


class Source(BaseModel):
    """The entries of a file that a shard was made from.

    Parameters
    ----------
    dataset : str
        Name of the dataset in the fileset.
    file : str
        Identity of the file: its UUID where it has one, its path otherwise.
    start, stop : int
        Range of entries, end excluded.
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    file: str
    start: int
    stop: int

    @classmethod
    def of(cls, metadata: dict[str, Any]) -> Source:
        """The source of a chunk of events, from the ``metadata`` that coffea gives them.

        Raises
        ------
        InputError
            If the events do not know where they come from.
        """
        absent = [key for key in ("dataset", "filename", "entrystart", "entrystop") if key not in metadata]
        if absent:
            raise InputError(
                f"these events do not know their {absent[0]}, which names the shard: run the processor with coffea's Runner"
            )
        file = str(metadata.get("fileuuid") or metadata["filename"])
        return cls(
            dataset=str(metadata["dataset"]),
            file=file,
            start=int(metadata["entrystart"]),
            stop=int(metadata["entrystop"]),
        )

    @property
    def shard_name(self) -> str:
        """File name of the shard: the same chunk always gives the same name."""
        return f"{_safe(self.dataset)}_{_safe(self.file)}_{self.start}-{self.stop}.parquet"


class ShardMetadata(BaseModel):
    """The description that every shard carries in its parquet metadata.

    Parameters
    ----------
    level : Level
        What is stored of each row: fields with units, and what belongs to it.
    classes : tuple of str
        Meaning of the numbers in ``target``.
    source : Source
        Where the rows come from.
    schema_version : int
        Version of the layout of columns.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[3] = 3
    level: Level
    classes: tuple[str, ...]
    source: Source


def shard_name(events: ak.Array) -> str:
    """File name of the shard of a chunk of NanoEvents: dataset, file and entry range."""
    return Source.of(events.metadata).shard_name


def read_metadata(path: str | os.PathLike[str], parquet: pq.FileMetaData) -> ShardMetadata:
    """The description inside a parquet file.

    Raises
    ------
    InputError
        If the file is not a shard, or one of another version.
    """
    text = (parquet.metadata or {}).get(KEY)
    if text is None:
        raise InputError(
            f"{path} is not a coffea-fm shard (no {KEY.decode()!r} in its metadata): write shards with 'coffea-fm collect'"
        )
    try:
        return ShardMetadata.model_validate_json(text)
    except ValidationError as error:
        raise InputError(
            f"{path} describes itself in a way that this coffea-fm does not read ({error.errors()[0]['msg']}): "
            "collect it again with this version"
        ) from error


def _safe(text: str) -> str:
    """The text as part of a file name; where it has to be changed, a digest keeps it unique."""
    cleaned = re.sub(r"[^A-Za-z0-9.-]+", "-", text)
    if cleaned == text and len(text) <= 48:
        return text
    return f"{cleaned[-36:].strip('-')}-{sha256(text.encode()).hexdigest()[:8]}"
