"""Base classes of training methods: a configuration builds a module around a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.nn.batches import Columns, Examples, padded_batches
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level


class MethodConfig(Config):
    """The section ``method`` of a recipe.

    A method subclasses it, adds ``kind: Literal["its-name"] = "its-name"`` and its settings, and implements `build`.

    Attributes
    ----------
    heads : mapping of str to tuple of str
        The supported top levels of the model, each with the kinds of head that the method can train, the default
        first; empty if the method trains the backbone without a head.
    several_groups : bool
        Whether the method supports several groups of tokens.
    """

    heads: ClassVar[Mapping[str, tuple[str, ...]]] = {"jet": ()}
    several_groups: ClassVar[bool] = True
    kind: str

    def reads(self, level: Level) -> Level:
        """What to read from the shards to train a model of this level: by default the same."""
        return level

    def build(self, model: Model) -> Method:
        """Build the method around a model; its own weights are initialised from torch's global random state."""
        raise NotImplementedError


class Method(nn.Module):
    """A module that holds the model and computes the loss.

    Most methods only implement `forward`. Keep all state in parameters and buffers: these are what is saved, averaged
    and restored.

    Parameters
    ----------
    model : Model
        The part that checkpoints contain.

    Attributes
    ----------
    metrics : tuple of str
        Names of the values that `forward` returns; the first one, ``loss``, is minimised.
    """

    metrics: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def start_from(self, folder: Path) -> None:
        """Take over what `describe` wrote next to the checkpoint that a training starts from; nothing by default."""

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Set buffers from the training data, once, before the first step of a run."""

    def columns(self, data: ShardDataset, cache: Path) -> Columns:  # noqa: ARG002
        """Compute numbers once for each example, [n_examples, ...], to be read as further columns; none by default.

        It is called at every start of a run, so expensive ones belong into the folder `cache`, which all runs in the
        same parent folder share.
        """
        return {}

    def constants(self) -> Mapping[str, Callable[[Inputs], Tensor]]:
        """Numbers of each token that stay the same for the whole run, as functions of the inputs; by default none.

        Each maps a padded batch to integers [things, tokens]. They are computed once per jet and kept with it, and reach
        the method as known outputs of the tokens, int32 [things, tokens, 1]. If the training augments its jets, they
        are missing from its batches.
        """
        return {}

    def parts(
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Any]:
        """Split the examples of a step into padded parts for `forward`; by default one part per length group.

        A method that compares examples with each other yields all of them in one part (see `views.joint.Views`).

        Yields
        ------
        Batch or Views
            Anything that `forward` accepts and that holds the weights of its examples as ``weight``.
        """
        return padded_batches(examples, level, micro_tokens, device, random)

    def forward(self, part: Any) -> dict[str, Tensor]:
        """Compute each metric for each example, float32 [n]."""
        raise NotImplementedError

    def finish_step(self, progress: float) -> None:
        """Called after each optimizer step, e.g. to update a teacher; `progress` is the completed fraction."""

    def describe(self, folder: Path) -> None:
        """Write additional files that are needed to use the model next to a checkpoint; none by default."""
