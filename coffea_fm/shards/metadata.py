"""The metadata of a shard: the levels of its columns, its classes, and the source of its rows."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any, Literal

import awkward as ak
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from coffea_fm.errors import InputError
from coffea_fm.files import identity
from coffea_fm.names import safe_name
from coffea_fm.tokens import Level
from coffea_fm.tokens.limits import check_level
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.refused import Refused

KEY = b"coffea_fm"
_DIGITS = 10


class Source(BaseModel):
    """The entries of a file that a shard was made from.

    Parameters
    ----------
    dataset : str
        Name of the dataset in the fileset.
    file : str
        Identity of the file: its UUID if it has one, otherwise its path.
    start, stop : int
        Range of entries; the end is excluded.
    path : str
        Where the file was read, so that files with the same UUID do not overwrite each other's shards.
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    file: str
    start: int
    stop: int
    path: str = ""

    @classmethod
    def of(cls, metadata: dict[str, Any]) -> Source:
        """The source of a chunk of events, from the ``metadata`` that coffea sets.

        Raises
        ------
        InputError
            If the metadata are incomplete.
        """
        absent = [key for key in ("dataset", "filename", "entrystart", "entrystop") if key not in metadata]
        if absent:
            raise InputError(
                f"the metadata of these events have no {absent[0]}: run the processor with coffea's Runner"
            )
        file = str(metadata.get("fileuuid") or metadata["filename"])
        return cls(
            dataset=str(metadata["dataset"]),
            file=file,
            start=int(metadata["entrystart"]),
            stop=int(metadata["entrystop"]),
            path=identity(str(metadata["filename"])),
        )

    @property
    def shard_name(self) -> str:
        """File name of the shard: the same chunk always has the same name, and no other chunk has it.

        It starts with the dataset and the identity of the file, so that shards are read in the same order wherever the
        files are.
        """
        place = f"{self.dataset}\n{self.file}\n{self.path}".encode("utf-8", "surrogatepass")
        digest = sha256(place).hexdigest()[:_DIGITS]
        return f"{safe_name(f'{self.dataset}_{self.file}')}_{self.start}-{self.stop}_{digest}.parquet"


class ShardMetadata(BaseModel):
    """The description stored in the parquet metadata of every shard.

    Parameters
    ----------
    level : Level
        What is stored for each row: fields with units, and members.
    classes : tuple of str
        Names of the classes that ``target`` indexes.
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
    """Read the description from a parquet file.

    Raises
    ------
    InputError
        If the file is not a shard, or has another schema version.
    """
    text = (parquet.metadata or {}).get(KEY)
    if text is None:
        raise InputError(
            f"{path} is not a coffea-fm shard (no {KEY.decode()!r} in its metadata): write shards with 'coffea-fm collect'"
        )
    try:
        metadata = ShardMetadata.model_validate(parse_json(text))
        check_level(metadata.level)
    except (ValueError, Refused) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise InputError(
            f"{path} has metadata that this coffea-fm cannot read ({reason}): collect it again with this version"
        ) from error
    return metadata
