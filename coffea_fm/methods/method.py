"""What every method of training is: a configuration that builds a module around a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level


class MethodConfig(Config):
    """The section ``method`` of a recipe.

    A method derives from it, adds ``kind: Literal["its-name"] = "its-name"`` and its settings, and writes `build`.

    Attributes
    ----------
    heads : mapping of str to tuple of str
        The levels that may be on top of the model, and for each the kinds of head that the method can train, the usual
        one first; none where the method trains the backbone without a head.
    several_groups : bool
        Whether jets may have several groups of tokens.
    """

    heads: ClassVar[Mapping[str, tuple[str, ...]]] = {"jet": ()}
    several_groups: ClassVar[bool] = True
    kind: str

    def build(self, model: Model) -> Method:
        """The method around a model; further parts are initialised from torch's global random state."""
        raise NotImplementedError


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
        """Look at the training data once, before the first step of a run; sets buffers."""

    def parts(
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Any]:
        """What of the examples of a step goes through `forward` at once, padded; by default one length group each.

        A method that compares examples with each other yields all of them in one part (see `views.joint.Views`).

        Yields
        ------
        Batch or Views
            Anything that `forward` takes and that has the weights of its examples as ``weight``.
        """
        return padded_batches(examples, level, micro_tokens, device, random)

    def forward(self, part: Any) -> dict[str, Tensor]:
        """Each metric for each example, float32 [n]."""
        raise NotImplementedError

    def finish_step(self, progress: float) -> None:
        """Follow a step of the optimizer (a teacher does); `progress` is the fraction of the training that is done."""

    def describe(self, folder: Path) -> None:
        """Write beside a checkpoint what else is needed to use the model; by default nothing is."""
