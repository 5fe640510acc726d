"""Embeddings of whole folders of shards, computed once and kept on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from coffea_fm.files import atomic
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.nn.build import Model
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import EventDataset, RowGroup, ShardDataset
from coffea_fm.shards.read import Columns
from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens
from coffea_fm.tokens.jagged import offsets_of, ranges

MICRO_TOKENS = 4096
Vectors = npt.NDArray[np.float32]


@torch.no_grad()
def embed_shards(
    model: Model, dataset: ShardDataset, *, cache: Path | None = None, device: torch.device | str = "cpu"
) -> Vectors:
    """Embeddings of all jets of a data set, in single precision.

    Parameters
    ----------
    model : Model
        Its backbone is used in evaluation mode, without any augmentation.
    dataset : ShardDataset
        With the specification that the backbone reads.
    cache : Path, optional
        Folder where the embeddings are kept; the same weights on the same shards are not computed twice.
    device : torch.device
        Where the model is.

    Returns
    -------
    float32 array of shape [n_jets, dim]
        In the order of ``dataset.row_groups``, of events one after the other; NaN for a jet with a number that is not
        finite.
    """
    path = None if cache is None else cache / f"{content_hash(model, dataset)}.npy"
    if path is not None and path.exists():
        return np.asarray(np.load(path), dtype=np.float32)
    training = model.training
    model.eval()
    vectors = np.concatenate([_embed(model, dataset.jets_of(packed), dataset.jets, device) for packed, _ in dataset])
    model.train(training)
    if path is not None:
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.save(file, vectors)
    return vectors


def embeddings_of(
    checkpoint: str | os.PathLike[str], shards: str | os.PathLike[str], *, cache: Path | None = None
) -> tuple[Vectors, Columns]:
    """Embeddings of the jets of a folder of shards by a checkpoint, and what else is stored of each jet.

    Parameters
    ----------
    checkpoint : path-like
        Folder such as ``runs/NAME/best``.
    shards : path-like
        Folder of shards.
    cache : Path, optional
        Where embeddings are kept; ``embeddings`` in the folder of the checkpoint by default.

    Returns
    -------
    embeddings : float32 array of shape [n_jets, dim]
    columns : dict of str to array of shape [n_jets]
        ``target``, ``weight``, ``pt``, ...
    """
    model, config = load_checkpoint(checkpoint)
    dataset = ShardDataset(shards, config.spec)
    vectors = embed_shards(model, dataset, cache=Path(checkpoint) / "embeddings" if cache is None else cache)
    return vectors, dataset.scalars(*dataset.scalar_names)


def content_hash(model: Model, dataset: ShardDataset) -> str:
    """SHA-256 of the backbone's weights and configuration, of the specification, and of the shards' bytes."""
    most = f" {dataset.collection.maximum}" if isinstance(dataset, EventDataset) else ""
    digest = sha256(f"{model.backbone.config!r} {dataset.jets!r}{most}".encode())
    for name, tensor in model.backbone.state_dict().items():
        digest.update(name.encode() + tensor.numpy(force=True).tobytes())
    for path in dict.fromkeys(group.path for group in dataset.row_groups):
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class EmbeddedShards(ShardDataset):
    """Shards whose jets also have their embedding, as the column ``embedding`` [n_jets, dim].

    Parameters
    ----------
    dataset : ShardDataset
        The shards.
    vectors : float32 array of shape [n_jets, dim]
        From `embed_shards`, of all their jets, chosen or not.
    """

    def __init__(self, dataset: ShardDataset, vectors: Vectors) -> None:
        super().__init__(dataset.folder, dataset.spec, dataset.chosen)
        chosen = vectors if self.chosen is None else vectors[self.chosen]
        ends = np.cumsum([group.n_jets for group in self.row_groups])[:-1]
        self._vectors = dict(zip(self.row_groups, np.split(chosen, ends), strict=True))

    def read(self, row_groups: Sequence[RowGroup]) -> tuple[PackedSets, Columns]:
        """The jets of these row groups, in this order, with their embeddings."""
        packed, columns = super().read(row_groups)
        return packed, columns | {"embedding": np.concatenate([self._vectors[group] for group in row_groups])}


class EmbeddedEvents(EventDataset):
    """Events whose jets have their embedding in place of their tokens: behind their fields.

    Parameters
    ----------
    dataset : EventDataset
        The events.
    vectors : float32 array of shape [n_jets, dim]
        From `embed_shards`, of the jets of all events, chosen or not.
    """

    def __init__(self, dataset: EventDataset, vectors: Vectors) -> None:
        events = EventDataset(dataset.folder, dataset.jets, dataset.collection, tokens=False)
        counts = np.concatenate([self._members(packed).lengths for packed, _ in events])
        super().__init__(dataset.folder, dataset.jets, dataset.collection, dataset.chosen, tokens=False)
        chosen = np.arange(len(counts)) if self.chosen is None else np.flatnonzero(self.chosen)
        rows = ranges(offsets_of(counts)[:-1][chosen], counts[chosen])
        ends = np.cumsum([group.n_jets for group in self.row_groups])[:-1]
        jets = offsets_of(counts[chosen])[ends]
        self._vectors = dict(zip(self.row_groups, np.split(vectors[rows], jets), strict=True))

    def read(self, row_groups: Sequence[RowGroup]) -> tuple[PackedSets, Columns]:
        """The events of these row groups, in this order, with the embeddings of their jets."""
        packed, columns = super().read(row_groups)
        members = self._members(packed)
        values = np.hstack([members.values, np.concatenate([self._vectors[group] for group in row_groups])])
        tokens = PackedTokens(values, members.lengths, members.missing)
        return PackedSets({self.collection.name: tokens}, packed.jet), columns

    @staticmethod
    def _members(packed: PackedSets) -> PackedTokens:
        return next(iter(packed.groups.values()))


def _embed(model: Model, packed: PackedSets, spec: InputSpec, device: torch.device | str) -> Vectors:
    vectors = np.empty((len(packed), model.backbone.dim), dtype=np.float32)
    examples = Examples(packed, {"row": np.arange(len(packed))}, np.ones(len(packed), dtype=np.float32))
    for batch in padded_batches(examples, spec, MICRO_TOKENS, device):
        rows = batch.columns["row"].numpy(force=True)
        vectors[rows] = model.backbone(batch.inputs).embedding.numpy(force=True)
    return vectors
