"""Embeddings of whole folders of shards, computed once and cached on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from coffea_fm.arrays import FloatArray, IntArray
from coffea_fm.errors import InputError
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.nn.model import Model, embedded_level
from coffea_fm.nn.outputs import in_order, kept
from coffea_fm.shards import RowGroup, ShardDataset
from coffea_fm.shards.read import Columns
from coffea_fm.tokens import Packed
from coffea_fm.tokens.jagged import offsets_of, ranges


def embed_shards(
    model: Model, dataset: ShardDataset, *, cache: Path | None = None, device: torch.device | str = "cpu"
) -> FloatArray:
    """Compute the embeddings of all jets of a data set, in single precision.

    Parameters
    ----------
    model : Model
        Its backbone is used in evaluation mode, without any augmentation.
    dataset : ShardDataset
        Jets, or events of jets, with the input fields of the backbone.
    cache : Path, optional
        Cache folder; embeddings with the same weights and shards are computed only once.
    device : torch.device
        Device of the model.

    Returns
    -------
    float32 array of shape [n_jets, dim]
        In the order of ``dataset.row_groups``, for events jet by jet; NaN for a jet with an input that is NaN or
        infinite.

    Raises
    ------
    InputError
        If the first fields of the jets are not the inputs of the network.
    """
    if cache is None:
        return _embedded(model, dataset, device)
    return kept(cache / f"{content_hash(model, dataset)}.npy", lambda: _embedded(model, dataset, device))


def _embedded(model: Model, dataset: ShardDataset, device: torch.device | str) -> FloatArray:
    jets, reads = embedded_level(dataset.level), model.backbone.level.names
    if jets.names[: len(reads)] != reads:
        raise InputError(
            f"the network needs the jet fields {', '.join(reads)}, but the data have {', '.join(jets.names)}"
        )
    way = dataset.level.path(jets.name)
    training, backbone = model.training, model.eval().backbone
    parts = [
        in_order(lambda inputs: backbone(inputs).embedding, packed.at(way), jets, backbone.dim, device)
        for packed, _ in dataset
    ]
    model.train(training)
    return np.concatenate(parts)


def embeddings_of(
    checkpoint: str | os.PathLike[str], shards: str | os.PathLike[str], *, cache: Path | None = None
) -> tuple[FloatArray, Columns]:
    """Compute the embeddings of the jets in a folder of shards, and read everything else stored per jet.

    Parameters
    ----------
    checkpoint : path-like
        Folder such as ``runs/NAME/best``.
    shards : path-like
        Folder of shards.
    cache : Path, optional
        Cache folder; ``embeddings`` in the folder of the checkpoint by default.

    Returns
    -------
    embeddings : float32 array of shape [n_jets, dim]
    columns : dict of str to array of shape [n_jets]
        ``target``, ``weight``, ``pt_raw``, ...
    """
    model, _ = load_checkpoint(checkpoint)
    dataset = ShardDataset(shards, model.level)
    vectors = embed_shards(model, dataset, cache=Path(checkpoint) / "embeddings" if cache is None else cache)
    return vectors, dataset.scalars(*dataset.scalar_names)


def content_hash(model: Model, dataset: ShardDataset) -> str:
    """SHA-256 of the backbone's weights and configuration, its input fields, and the content of the shards.

    Of the jet's own fields, only the uncorrected ones are included. They replace the corrected ones; all others are
    only used by heads.
    """
    jets = embedded_level(dataset.level)
    read = replace(jets, fields=tuple(field for field in jets.fields if field.name.endswith("_raw")))
    digest = sha256(f"{model.backbone.config!r} {read!r}".encode())
    for name, tensor in model.backbone.state_dict().items():
        digest.update(name.encode() + tensor.numpy(force=True).tobytes())
    digest.update(dataset.content())
    return digest.hexdigest()


class EmbeddedShards(ShardDataset):
    """Shards whose jets have an embedding, as ``known["embedding"]``.

    If jets are the top level, their tokens are still read, because the batches depend on the number of tokens. The
    tokens of jets in events are not read.

    Parameters
    ----------
    dataset : ShardDataset
        The shards.
    vectors : float32 array of shape [n_jets, dim]
        From `embed_shards`, for all jets, whether or not their rows are selected.
    """

    def __init__(self, dataset: ShardDataset, vectors: FloatArray) -> None:
        jets = embedded_level(dataset.level)
        self._way = dataset.level.path(jets.name)
        bare = dataset.level.map(lambda level: replace(level, members=()) if level.name == jets.name else level)
        level = bare if self._way else dataset.level
        whole = ShardDataset(dataset.folder, level)
        counts = np.ones(whole.n_sets, dtype=np.int64)
        if self._way:
            counts = np.concatenate([_jets_below(packed, self._way) for packed, _ in whole])
        super().__init__(dataset.folder, level, dataset.chosen)
        chosen = np.arange(len(counts)) if self.chosen is None else np.flatnonzero(self.chosen)
        rows = ranges(offsets_of(counts)[:-1][chosen], counts[chosen])
        ends = np.cumsum([group.n_sets for group in self.row_groups])[:-1]
        parts = np.split(vectors[rows], offsets_of(counts[chosen])[ends])
        self._vectors = dict(zip(self.row_groups, parts, strict=True))

    def read(self, row_groups: Sequence[RowGroup]) -> tuple[Packed, Columns]:
        """Read row groups, in this order, with the embeddings of their jets."""
        packed, columns = super().read(row_groups)
        return _with_embedding(
            packed, self._way, np.concatenate([self._vectors[group] for group in row_groups])
        ), columns


def _jets_below(packed: Packed, way: Sequence[str]) -> IntArray:
    """Number of jets in each row, int64 [n_rows]; 1 if the rows are jets."""
    if not way:
        return np.ones(len(packed), dtype=np.int64)
    members = packed.members[way[0]]
    total = offsets_of(_jets_below(members.things, way[1:]))[members.offsets]
    return np.diff(total)


def _with_embedding(packed: Packed, way: Sequence[str], vectors: FloatArray) -> Packed:
    if not way:
        return replace(packed, known={**packed.known, "embedding": vectors})
    members = packed.members[way[0]]
    things = _with_embedding(members.things, way[1:], vectors)
    return replace(packed, members={**packed.members, way[0]: replace(members, things=things)})
