"""What every method of training is. A new method is a file beside this one, and an entry in `build`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from coffea_fm.nn.batches import Batch, Examples, padded_batches
from coffea_fm.nn.build import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import InputSpec


class Method(nn.Module):
    """A module that holds the model and says how far it is from what it should do.

    Most methods only write `forward`. The state of a method is its parameters and buffers, nothing else: that is what
    is saved, averaged and restored.

    Parameters
    ----------
    model : Model
        What checkpoints keep.

    Attributes
    ----------
    metrics : tuple of str
        Names of what `forward` gives; the first one, ``loss``, is minimised.
    """

    metrics: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Look at the training jets once, before the first step of a run; sets buffers."""

    def parts(
        self, examples: Examples, spec: InputSpec, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Any]:
        """What of the jets of a step goes through `forward` at once, padded; by default one length group after another.

        A method that compares jets with each other yields all of them in one part (see `views.Views`).

        Yields
        ------
        Batch or Views
            Anything that `forward` takes and that has the weights of its jets as ``weight``.
        """
        return padded_batches(examples, spec, micro_tokens, device, random)

    def answers(self, part: Batch) -> Tensor:
        """What the head gives; from the column ``embedding`` where the backbone is frozen and its work was kept."""
        kept = part.columns.get("embedding")
        result: Tensor = self.model(part.inputs) if kept is None or self.model.head is None else self.model.head(kept)
        return result

    def forward(self, part: Any) -> dict[str, Tensor]:
        """Each metric for each jet, float32 [sets]."""
        raise NotImplementedError

    def finish_step(self, progress: float) -> None:
        """Follow a step of the optimizer (a teacher does); `progress` is the fraction of the training that is done."""
