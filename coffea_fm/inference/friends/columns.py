"""Open friend files beside the events: what taggers gave for all jets of one input file, entry by entry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from coffea_fm.errors import InputError, first_line
from coffea_fm.inference.arrays import is_dask
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.friends.metadata import (
    TREE,
    FriendColumn,
    FriendMetadata,
    FriendModel,
    FriendSource,
    friend_path,
    read_friend_metadata,
)
from coffea_fm.untrusted.parquet import open_parquet, read_row_groups

_SUFFIXES = (".root", ".parquet")


def with_friend(events: ak.Array, friend: str | os.PathLike[str], tagger: BaseTagger | None = None) -> ak.Array:
    """Events whose jets have what a friend file stores of them as further fields; no constituents are read.

    Parameters
    ----------
    events : awkward.Array
        A file, or a chunk of one as a processor gets it, before any selection.
    friend : path-like
        The friend file, or the folder ``friends`` of a run, in which that of the events is found.
    tagger : Tagger, optional
        Take the fields of this model only, and refuse a friend that does not have them.

    Returns
    -------
    awkward.Array
        With ``events.FatJet.BUNDLE_CLASS`` and ``events.FatJet.BUNDLE_embedding``, which follow any selection:
        ``tagger.score(jets.BUNDLE_embedding)``.

    Raises
    ------
    InputError
        If the friend is that of another file or another model, or the events or jets are not all there.
    """
    if is_dask(events):
        raise InputError("friends of dask-awkward arrays cannot be opened: run the processor with coffea's Runner")
    about: dict[str, Any] = dict(getattr(events, "metadata", None) or {})
    path = _find(Path(friend), about)
    metadata = read_friend_metadata(path)
    start, stop = _range(events, about, metadata.source, path)
    for model in _models(metadata, tagger, path):
        if model.collection not in events.fields:
            raise InputError(f"{path} holds scores of {model.collection!r}, a collection that these events do not have")
        jets = events[model.collection]
        for column, values in _read(path, model, start, stop).items():
            if len(values) != len(jets) or ak.any(ak.num(values) != ak.num(jets)):
                raise InputError(
                    f"the {model.collection} are not those of {path}: open the friend before jets are selected"
                )
            jets = ak.with_field(jets, values, column.field)
        events = ak.with_field(events, jets, model.collection)
    return events


def _find(friend: Path, about: dict[str, Any]) -> Path:
    if not friend.is_dir():
        return friend
    if "filename" not in about:
        raise InputError(f"it is not known which file these events come from: give the path of its friend, in {friend}")
    dataset, file = str(about.get("dataset", "")), str(about["filename"])
    for unique in (False, True):
        for suffix in _SUFFIXES:
            base = friend_path(friend, dataset, file, unique=unique)
            if (path := base.with_name(base.name + suffix)).exists():
                return path
    raise InputError(f"{friend} has no friend of {file} (dataset {dataset!r}): run with --friends on it")


def _range(events: ak.Array, about: dict[str, Any], source: FriendSource, path: Path) -> tuple[int, int]:
    """The entries that the events are, of the file that the friend is for."""
    uuid = str(about.get("fileuuid", source.uuid))
    if uuid != source.uuid:
        raise InputError(f"{path} is the friend of {source.file} (UUID {source.uuid}), not of {about.get('filename')}")
    start, stop = int(about.get("entrystart", 0)), int(about.get("entrystop", source.entries))
    if stop > source.entries:
        raise InputError(f"{path} has {source.entries} entries, but the events are entries {start} to {stop}")
    if len(events) != stop - start:
        raise InputError(
            f"{path} has {stop - start} entries for these {len(events)} events: open the friend before events are selected"
        )
    return start, stop


def _models(metadata: FriendMetadata, tagger: BaseTagger | None, path: Path) -> list[FriendModel]:
    models = [model for model in metadata.models if tagger is None or model.checksum == tagger.checksum]
    if not models and tagger is not None:
        has = ", ".join(f"{model.bundle} ({model.checksum[:12]})" for model in metadata.models)
        raise InputError(
            f"{path} was written with {has}, not with {tagger.name} ({tagger.checksum[:12]}): "
            "write friends with this model"
        )
    return models


def _read(path: Path, model: FriendModel, start: int, stop: int) -> dict[FriendColumn, ak.Array]:
    """The columns of a model."""
    try:
        return _columns(path, model, start, stop)
    except Exception as error:  # uproot and awkward raise whatever goes wrong in a damaged file
        raise InputError(f"the friend file {path} is damaged ({first_line(error)}): write it again") from error


def _columns(path: Path, model: FriendModel, start: int, stop: int) -> dict[FriendColumn, ak.Array]:
    if path.suffix == ".parquet":
        names = [column.name for column in model.columns]
        arrays = _from_parquet(path, names, start, stop)
        return {column: arrays[column.name] for column in model.columns}
    branches = [branch for column in model.columns for branch in column.branches]
    with uproot.open(path) as file:
        arrays = file[TREE].arrays(branches, entry_start=start, entry_stop=stop)
    return {column: _vectors(arrays, column) for column in model.columns}


def _vectors(arrays: ak.Array, column: FriendColumn) -> ak.Array:
    if column.dim is None:
        return arrays[column.name]
    counts = ak.num(arrays[column.branches[0]])
    parts = [ak.to_numpy(ak.flatten(arrays[branch])) for branch in column.branches]
    return ak.unflatten(ak.from_numpy(np.stack(parts, axis=1), regulararray=True), counts)


def _from_parquet(path: Path, names: list[str], start: int, stop: int) -> ak.Array:
    """Entries of a parquet file, of which no more row groups are read than hold them."""
    with open_parquet(path) as file:
        sizes = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        begins = ends - sizes
        wanted = [int(index) for index in np.flatnonzero((begins < stop) & (ends > start))]
        first = int(begins[wanted[0]]) if wanted else 0
        table = read_row_groups(file, wanted, names)
    return ak.from_arrow(table)[start - first : stop - first]
