"""Finished chunks on disk, so that a stopped run goes on; never those of another processor, option, model or file."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coffea.processor import ProcessorABC
from coffea.processor.executor import WorkItem

from coffea_fm.files import atomic, identity
from coffea_fm.running.checkpoints.canonical import Canonical
from coffea_fm.running.checkpoints.code import describe_code
from coffea_fm.running.checkpoints.sealed import owner_key, owner_name, read_sealed, write_sealed
from coffea_fm.running.friends import Friends
from coffea_fm.running.headers import Header
from coffea_fm.running.replicas import REPLICAS

RUN = "run.json"
SUFFIX = ".chunk"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoints:
    """A folder of finished chunks that the workers share. Several runs may use it at the same time.

    Parameters
    ----------
    folder : Path
        Absolute; as the workers see it.
    run : str
        Hash of all that the output of a chunk depends on beside its events, see `fingerprint`.
    owner : str
        Names the account. Runs of another one are elsewhere: their signatures are of no use here.
    key : bytes
        Signs the files of this run. The workers get this one, and never the key of the account.
    friends : Friends, optional
        A chunk whose part is missing is not done.
    """

    folder: Path
    run: str
    owner: str
    key: bytes = field(repr=False)
    friends: Friends | None = None

    @property
    def place(self) -> Path:
        """The folder of this run."""
        return self.folder / f"{self.run[:24]}-{self.owner}"

    def path(self, name: str) -> Path:
        """Where a chunk is kept."""
        return self.place / f"{name[:32]}{SUFFIX}"

    def load(self, item: WorkItem, name: str) -> dict[str, Any] | None:
        """The output of a chunk as coffea's Runner gives it; None if it is not kept.

        Parameters
        ----------
        item : WorkItem
        name : str
            From `chunk_name`.

        Raises
        ------
        SealError
            If it is damaged.
        """
        path = self.path(name)
        try:
            kept: dict[str, Any] = read_sealed(path, name=self.run + name, key=self.key)
        except FileNotFoundError:
            return None
        if not are_there(kept.get("files", ())):
            return None
        place = (item.filename, item.treename, item.entrystart, item.entrystop)
        if self.friends is not None and not self.friends.part(*place).exists():
            return None
        _log.info("%s, entries from %d, is kept in %s", item.filename, item.entrystart, path)
        return {**kept, "processed": {item}}

    def save(self, output: Mapping[str, Any], name: str) -> None:
        """Keep the output of a chunk. Not what it was called: its file may be elsewhere next time."""
        kept = {key: value for key, value in output.items() if key != "processed"}
        write_sealed(self.path(name), kept, name=self.run + name, key=self.key)

    def describe(self, processor: ProcessorABC, chunks: int) -> None:
        """Leave a note for people of what is kept here."""
        about = {"processor": type(processor).__qualname__, "chunks": chunks, "started": time.time()}
        with atomic(self.place / RUN) as path:
            path.write_text(json.dumps(about) + "\n")


def are_there(files: Iterable[tuple[str, int]]) -> bool:
    """Whether the files that a processor wrote, such as shards, still have the sizes that they had."""
    for file, size in files:
        path = Path(file)
        if not path.exists() or path.stat().st_size != size:
            _log.info("%s was written, and is not there any more", file)
            return False
    return True


def open_checkpoints(
    folder: Path, processor: ProcessorABC, schema: type, friends: Friends | None = None
) -> Checkpoints:
    """The checkpoints of a run in a folder.

    Raises
    ------
    RecipeError
        If the processor holds something that has no reproducible content, such as an open file.
    InputError
        If there is no key to sign them with.
    """
    run, key = fingerprint(processor, schema, friends), owner_key()
    of_run = hmac.digest(key, run.encode(), "sha256")
    return Checkpoints(folder.absolute(), run, owner_name(key), of_run, friends)


def fingerprint(processor: ProcessorABC, schema: type, besides: object = None) -> str:
    """Hash of all that the output of a chunk depends on beside its events.

    These are the configuration of the processor with its models, its code and the code that this imports from the user's
    side, coffea-fm, the versions of the packages, and the schema.

    Parameters
    ----------
    processor : ProcessorABC
    schema : type
    besides : object
        What else is done with a chunk.

    Raises
    ------
    RecipeError
        If the processor holds something that has no reproducible content, such as an open file.
    """
    canonical = Canonical()
    configuration = canonical.digest((type(processor), processor, schema, besides), type(processor).__name__)
    code = describe_code(canonical.met)
    return hashlib.sha256(configuration + json.dumps(code, sort_keys=True).encode()).hexdigest()


def chunk_name(item: WorkItem, header: Header) -> str:
    """Hash of what a chunk is: the file (wherever it is, if it has a UUID), its entries, and the metadata of its dataset."""
    file = header.identifier if any(header.identifier) else identity(item.filename).encode()
    place = (item.dataset, item.treename, item.entrystart, item.entrystop)
    metadata = sorted((key, value) for key, value in (item.usermeta or {}).items() if key != REPLICAS)
    about = (*place, file, header.entries, header.state, metadata)
    return Canonical().digest(about, f"the dataset {item.dataset!r}").hex()
