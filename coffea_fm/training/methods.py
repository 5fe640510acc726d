"""From the method of a recipe to what is minimised. A new method is a file beside this one, and an entry here."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from coffea_fm.tokens import InputSpec
from coffea_fm.training.batches import Batch
from coffea_fm.training.checkpoint import build_from
from coffea_fm.training.recipe import Recipe
from coffea_fm.training.supervised import Supervised


class Objective(Protocol):
    """What every method is: a module that holds the model and measures it on a batch.

    Attributes
    ----------
    metrics : tuple of str
        Names of what it gives; the first one, ``loss``, is minimised.
    model : nn.Module
        The part that checkpoints keep.
    """

    metrics: tuple[str, ...]
    model: nn.Module

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Each metric for each set, float32 [sets]."""


def build_objective(recipe: Recipe, spec: InputSpec, classes: tuple[str, ...]) -> Supervised:
    """The method of a recipe, with a fresh network from torch's global random state."""
    return Supervised(recipe.method, build_from(recipe, spec, classes))
