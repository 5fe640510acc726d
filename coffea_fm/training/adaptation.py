"""Training on from a checkpoint: whose weights are taken, which parts learn when, and how fast."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.build import Backbone, Model
from coffea_fm.nn.low_rank import add_low_rank
from coffea_fm.training.checkpoint import load_checkpoint
from coffea_fm.training.recipe import Recipe
from coffea_fm.training.start import FrozenStart, LowRankStart, StartConfig

_BACKBONE = "model.backbone."
_FREE = ("dropout",)
"""Keys of a backbone's configuration that may differ from the checkpoint's: they do not change what it computes."""


class Part(NamedTuple):
    """Parameters that learn at one rate.

    Attributes
    ----------
    of_backbone : bool
    layers_above : int
        How many layers of the backbone stand above them, for those of the backbone.
    """

    of_backbone: bool
    layers_above: int = 0


def starting_backbone(recipe: Recipe) -> Backbone | None:
    """The trained backbone that a recipe starts from, if it names one.

    Raises
    ------
    InputError
        If the checkpoint cannot be read.
    RecipeError
        If it reads other inputs than the recipe names, or is another network.
    """
    if recipe.start is None or recipe.start.checkpoint is None:
        return None
    model, config = load_checkpoint(recipe.start.checkpoint)
    trained = config.recipe
    sections = ((trained.inputs, recipe.inputs, "inputs"), (trained.backbone, recipe.backbone, "backbone"))
    for theirs, ours, name in sections:
        left, right = theirs.model_dump(exclude={*_FREE}), ours.model_dump(exclude={*_FREE})
        different = next((key for key in {**left, **right} if left.get(key) != right.get(key)), None)
        if different is not None:
            raise RecipeError(
                f"{name}.{different} of the recipe is {right.get(different)}, and the checkpoint "
                f"{recipe.start.checkpoint} was trained with {left.get(different)}: copy the section {name} from there"
            )
    return model.backbone


def start_from(model: Model, recipe: Recipe) -> None:
    """Give a new model the backbone that a recipe starts from, and adapters where it asks for them.

    Raises
    ------
    RecipeError
        If the checkpoint does not fit the recipe.
    """
    trained = starting_backbone(recipe)
    if trained is not None:
        model.backbone.load_state_dict(trained.state_dict())
    if isinstance(recipe.start, LowRankStart):
        add_low_rank(model.backbone, recipe.start.rank, recipe.start.alpha)


def part_of(name: str, recipe: Recipe) -> Part | None:
    """The part that the parameter of a method belongs to, by its name; None where all learn at one rate.

    Parameters
    ----------
    name : str
        E.g. ``model.backbone.blocks.0.attention.project_in.weight``.
    recipe : Recipe
    """
    if recipe.start is None:
        return None
    if not name.startswith(_BACKBONE):
        return Part(of_backbone=False)
    layers = recipe.backbone.layers
    first, *rest = name.removeprefix(_BACKBONE).split(".")
    if first == "blocks":
        return Part(of_backbone=True, layers_above=layers - int(rest[0]))
    after_blocks = first in ("norm", "class_blocks", "class_token")
    return Part(of_backbone=True, layers_above=0 if after_blocks else layers + 1)


def rate_factor(start: StartConfig | None, part: Part | None, progress: float) -> float:
    """Factor of the learning rate of a part after a fraction `progress` of the training."""
    if start is None or part is None:
        return 1.0
    if not part.of_backbone:
        return start.head_factor(progress)
    return start.backbone_factor(progress) * start.layer_factor(part.layers_above)


def freeze_backbone(backbone: nn.Module, start: StartConfig | None, progress: float) -> None:
    """Freeze or thaw the backbone as the mode says at this point: without gradient, and in evaluation mode."""
    if start is None or isinstance(start, LowRankStart):
        return
    trained = start.backbone_factor(progress) > 0
    backbone.train(trained)
    backbone.requires_grad_(trained)


def keeps_embeddings(recipe: Recipe) -> bool:
    """Whether the embedding of a jet is the same at each step, and all that the head reads."""
    unchanged = isinstance(recipe.start, FrozenStart) and not recipe.training.augmentation.changes
    return unchanged and recipe.head is not None and recipe.head.kind in ("classification", "regression")
