"""What a friend file is called, and what it says about itself: its input file, the models, and their columns."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import uproot
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coffea_fm.errors import InputError
from coffea_fm.names import safe_name
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.parquet import open_parquet
from coffea_fm.untrusted.refused import Refused

KEY = "coffea_fm_friend"
"""Of the description, in the metadata of parquet and as an object of the ROOT file."""
TREE = "Friends"


class FriendColumn(BaseModel):
    """One column.

    Parameters
    ----------
    name : str
        In the file: ``COLLECTION_BUNDLE_CLASS``, or ``COLLECTION_BUNDLE_OUTPUT`` for vectors.
    field : str
        Of the jets, with `with_friend`: the same without the collection.
    dim : int, optional
        Length of vectors; None for numbers. In ROOT each component is a branch: ``NAME_0``, ``NAME_1``, ...
    """

    model_config = ConfigDict(frozen=True)

    name: str
    field: str
    dim: Annotated[int, Field(ge=1, le=100_000)] | None = None

    @property
    def branches(self) -> list[str]:
        """Names of the branches in ROOT."""
        return [self.name] if self.dim is None else [f"{self.name}_{index}" for index in range(self.dim)]


class FriendModel(BaseModel):
    """One tagger: its model, what it was asked for, the jets, and the columns."""

    model_config = ConfigDict(frozen=True)

    bundle: str
    checksum: str
    collection: str
    outputs: tuple[str, ...]
    columns: tuple[FriendColumn, ...]

    @property
    def prefix(self) -> str:
        """What names of columns begin with."""
        return identifier(self.collection)


class FriendSource(BaseModel):
    """The input file that a friend is aligned with."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    file: str
    treename: str
    uuid: str
    entries: int


class FriendMetadata(BaseModel):
    """What a friend file says about itself.

    Parameters
    ----------
    source : FriendSource
        The input file.
    models : tuple of FriendModel
        The taggers.
    counts : dict of str to dict
        What `coffea_fm.report` tells of each: jets, and those without a score; by ``COLLECTION_BUNDLE``.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    source: FriendSource
    models: tuple[FriendModel, ...]
    counts: dict[str, dict[str, int]] = {}


def identifier(name: str) -> str:
    """A name as ROOT takes it in an expression."""
    return re.sub(r"\W", "_", name)


def friend_path(folder: Path, dataset: str, file: str, *, unique: bool = True) -> Path:
    """Where the friend of a file is, without a suffix; `unique` if no other file of the dataset has its name."""
    stem = PurePosixPath(file).stem
    digest = "" if unique else f"~{sha256(file.encode()).hexdigest()[:10]}"
    return folder / safe_name(dataset) / f"{safe_name(stem)}{digest}"


def read_friend_metadata(path: str | os.PathLike[str]) -> FriendMetadata:
    """The description inside a friend file, ROOT or parquet.

    Raises
    ------
    InputError
        If it cannot be read, or is no friend file.
    """
    try:
        if str(path).endswith(".parquet"):
            with open_parquet(Path(path)) as parquet:
                text = (parquet.metadata.metadata or {}).get(KEY.encode())
        else:
            with uproot.open(path) as file:
                text = str(file[KEY]) if KEY in file else None
    except FileNotFoundError as error:
        raise InputError(f"there is no friend file or folder {path}: check its path") from error
    except Exception as error:  # uproot raises whatever goes wrong in a damaged file
        raise InputError(f"cannot read the friend file {path}: {type(error).__name__}: {error}") from error
    if text is None:
        raise InputError(f"{path} is not a friend file of coffea-fm: write one with 'coffea-fm run --friends'")
    try:
        return FriendMetadata.model_validate(parse_json(text))
    except (ValidationError, Refused) as error:
        raise InputError(
            f"{path} has a description that this version of coffea-fm cannot read: write it again"
        ) from error
