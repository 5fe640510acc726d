"""A trained model as a teacher: it answers once for each jet, and its answers are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from coffea_fm.arrays import FloatArray
from coffea_fm.bundle.find import find_checkpoint, is_bundle
from coffea_fm.errors import RecipeError
from coffea_fm.inference.loading import load
from coffea_fm.nn.batches import Columns
from coffea_fm.nn.checkpoint import WEIGHTS, load_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHead
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.outputs import in_order, kept
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level
from coffea_fm.tokens.levels import without_ranges

_SMALLEST = 1e-30
"""Smallest probability of a bundle, so that its logarithm is finite."""


@dataclass(frozen=True)
class FixedTeacher:
    """A classifier of jets, opened only while it answers: it is no part of the method's state.

    Parameters
    ----------
    source : str
        A bundle, by name or path, or the folder of a checkpoint.
    bundled : bool
        Whether it is a bundle.
    checksum : str
        Changes with the model.
    level : Level
        What it reads.
    classes : tuple of str
    dim : int
        Width of its embedding.
    """

    source: str
    bundled: bool
    checksum: str
    level: Level
    classes: tuple[str, ...]
    dim: int

    @classmethod
    def open(cls, source: str) -> FixedTeacher:
        """Read what the teacher is.

        Raises
        ------
        BundleError, InputError
            If it cannot be read.
        RecipeError
            If it does not classify jets.
        """
        if is_bundle(source):
            tagger = load(source)
            level, outputs = without_ranges(tagger.manifest.level), {output.name: output for output in tagger.outputs}
            if level.name != "jet" or "scores" not in outputs or "embedding" not in outputs:
                raise RecipeError(
                    f"method.teacher: the bundle {source} has no scores and embeddings of jets; give one that has"
                )
            return cls(source, True, tagger.checksum, level, outputs["scores"].classes, outputs["embedding"].dim)
        folder = find_checkpoint(source)
        model, checkpoint = load_checkpoint(folder)
        if model.level.name != "jet" or not isinstance(model.head, ClassificationHead):
            raise RecipeError(f"method.teacher: the checkpoint {source} does not classify jets; give one that does")
        checksum = sha256((folder / WEIGHTS).read_bytes() + repr(checkpoint.network).encode()).hexdigest()
        return cls(str(folder), False, checksum, model.level, checkpoint.network.classes, model.backbone.dim)

    def answers(self, data: ShardDataset, cache: Path) -> Columns:
        """Answers for the jets of a data set as they are stored, without any augmentation.

        Returns
        -------
        dict of str to array
            ``teacher_logits`` float32 [n_jets, classes], and ``teacher_embedding`` float32 [n_jets, dim]. The logits of a
            bundle are the logarithms of its scores, which differ by a constant.
        """
        key = sha256(f"{self.checksum} {data.fingerprint}".encode() + data.content()).hexdigest()
        together = kept(cache / f"{key}.npy", lambda: self._compute(data))
        logits, embedding = np.split(together, [len(self.classes)], axis=1)
        return {"teacher_logits": logits, "teacher_embedding": embedding}

    def _compute(self, data: ShardDataset) -> FloatArray:
        jets = ShardDataset(data.folder, self.level, data.chosen)
        return np.concatenate(list(self._of_bundle(jets) if self.bundled else self._of_checkpoint(jets)))

    def _of_bundle(self, jets: ShardDataset) -> Iterator[FloatArray]:
        chain = load(self.source).chain
        for packed, _ in jets:
            found = chain.run(packed, self.level, ["scores", "embedding"], usable=np.ones(len(packed), np.bool_))
            logits = np.log(np.maximum(found["scores"], _SMALLEST))
            yield np.concatenate((logits, found["embedding"]), axis=1)

    def _of_checkpoint(self, jets: ShardDataset) -> Iterator[FloatArray]:
        model, _ = load_checkpoint(self.source)

        def answer(inputs: Inputs) -> Tensor:
            assert model.head is not None
            embedding = model.known(inputs)["embedding"]
            return torch.cat((model.head(embedding), embedding), dim=1)

        for packed, _ in jets:
            yield in_order(answer, packed, self.level, len(self.classes) + self.dim)
