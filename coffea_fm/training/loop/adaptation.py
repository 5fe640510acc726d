"""Training on from a checkpoint: whose weights are taken, which parts learn when, and how fast."""

from __future__ import annotations

from typing import NamedTuple

from coffea_fm.errors import RecipeError
from coffea_fm.nn.build import Model
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.nn.events import EventModel, JetHead
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.low_rank import add_low_rank
from coffea_fm.training.recipe.recipe import HEADS, Recipe
from coffea_fm.training.recipe.start import FrozenStart, LowRankStart, StartConfig

_BACKBONE = "model.backbone."
_JET_HEAD = "model.jet_head."
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


class StartingPoint(NamedTuple):
    """What a recipe starts from.

    Attributes
    ----------
    model : Model
        The trained network.
    jet_head : JetHead or None
        Shape and classes of its head, if that gives scores of jets.
    """

    model: Model
    jet_head: JetHead | None


def starting_point(recipe: Recipe) -> StartingPoint | None:
    """The trained network that a recipe starts from, if it names one.

    Raises
    ------
    InputError
        If the checkpoint cannot be read.
    RecipeError
        If it reads other inputs than the recipe names, is another network, or lacks the head whose scores are read.
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
    if not isinstance(trained.head, ClassificationHeadConfig):
        return StartingPoint(model, None)
    return StartingPoint(model, JetHead(config=trained.head, classes=config.classes))


def start_from(model: Model, recipe: Recipe, start: StartingPoint | None) -> None:
    """Give a new model the weights that a recipe starts from, and adapters where it asks for them."""
    if start is not None:
        model.backbone.load_state_dict(start.model.backbone.state_dict())
        if isinstance(model, EventModel) and model.jet_head is not None and start.model.head is not None:
            model.jet_head.load_state_dict(start.model.head.state_dict())
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
    if name.startswith(_JET_HEAD):
        return Part(of_backbone=True)
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


def freeze_backbone(model: Model, start: StartConfig | None, progress: float) -> None:
    """Freeze or thaw the backbone as the mode says at this point: without gradient, and in evaluation mode.

    The jet head of a model of events goes with the backbone.
    """
    if start is None or isinstance(start, LowRankStart):
        return
    trained = start.backbone_factor(progress) > 0
    for part in (model.backbone, getattr(model, "jet_head", None)):
        if part is not None:
            part.train(trained)
            part.requires_grad_(trained)


def keeps_embeddings(recipe: Recipe) -> bool:
    """Whether the embedding of a jet is the same at each step, and all of the backbone that the head reads."""
    unchanged = isinstance(recipe.start, FrozenStart) and not recipe.training.augmentation.changes
    kinds = ("classification", "regression", *HEADS["event-classification"])
    return unchanged and recipe.head is not None and recipe.head.kind in kinds
