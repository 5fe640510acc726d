"""Training on from a checkpoint: whose weights are taken, which parts learn when, and how fast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from coffea_fm.bundle.find import find_checkpoint
from coffea_fm.errors import RecipeError
from coffea_fm.nn.blocks.low_rank import add_low_rank
from coffea_fm.nn.checkpoint import NetworkConfig, load_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.heads.event import EventHead, JetHeadConfig
from coffea_fm.nn.model import Model, embedded_level
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.recipe.start import FrozenStart, LowRankStart, StartConfig

_BACKBONE = "model.backbone."
_JET_HEAD = "model.head.jet_head."
_FREE = "dropout"
"""Key of a backbone's configuration that may differ from the checkpoint's: it does not change what is computed."""


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
    jet_head : JetHeadConfig or None
        Shape and classes of its head, if that gives scores of jets.
    """

    model: Model
    jet_head: JetHeadConfig | None


def starting_point(recipe: Recipe) -> StartingPoint | None:
    """The trained network that a recipe starts from, if it names one.

    Raises
    ------
    InputError
        If the checkpoint cannot be read.
    RecipeError
        If it reads other inputs than the recipe names, is another network, or is a bundle.
    """
    if recipe.start is None or recipe.start.checkpoint is None:
        return None
    folder = find_checkpoint(recipe.start.checkpoint)
    model, checkpoint = load_checkpoint(folder)
    trained = checkpoint.network
    for section, key, ours, theirs in _compared(recipe, trained):
        if ours != theirs:
            raise RecipeError(
                f"{section}.{key} of the recipe is {ours}, and the checkpoint {recipe.start.checkpoint} was trained with "
                f"{theirs}: copy the section {section} of its recipe"
            )
    head = trained.head
    if trained.level.name == "event" or not isinstance(head, ClassificationHeadConfig):
        return StartingPoint(model, None)
    return StartingPoint(model, JetHeadConfig(config=head, classes=trained.classes))


def start_from(model: Model, recipe: Recipe, start: StartingPoint | None) -> None:
    """Give a new model the weights that a recipe starts from, and adapters where it asks for them."""
    if start is not None:
        model.backbone.load_state_dict(start.model.backbone.state_dict())
        if isinstance(model.head, EventHead) and model.head.jet_head is not None and start.model.head is not None:
            model.head.jet_head.load_state_dict(start.model.head.state_dict())
    if isinstance(recipe.start, LowRankStart):
        add_low_rank(model.backbone, recipe.start.rank, recipe.start.alpha)


def part_of(name: str, model: Model, start: StartConfig | None) -> Part | None:
    """The part that the parameter of a method belongs to, by its name; None where all learn at one rate.

    Parameters
    ----------
    name : str
        E.g. ``model.backbone.blocks.0.attention.project_in.weight``.
    model : Model
    start : StartConfig or None
    """
    if start is None:
        return None
    if name.startswith(_JET_HEAD):
        return Part(of_backbone=True)
    if not name.startswith(_BACKBONE):
        return Part(of_backbone=False)
    return Part(of_backbone=True, layers_above=model.backbone.layers_above(name.removeprefix(_BACKBONE)))


def rate_factor(start: StartConfig | None, part: Part | None, progress: float) -> float:
    """Factor of the learning rate of a part after a fraction `progress` of the training."""
    if start is None or part is None:
        return 1.0
    if not part.of_backbone:
        return start.head_factor(progress)
    return start.backbone_factor(progress) * start.layer_factor(part.layers_above)


def freeze_backbone(model: Model, start: StartConfig | None, progress: float) -> None:
    """Freeze or thaw the backbone as the mode says at this point: without gradient, and in evaluation mode.

    A head that gives scores of jets goes with the backbone.
    """
    if start is None or isinstance(start, LowRankStart):
        return
    trained = start.backbone_factor(progress) > 0
    for part in (model.backbone, getattr(model.head, "jet_head", None)):
        if part is not None:
            part.train(trained)
            part.requires_grad_(trained)


def keeps_embeddings(model: Model, recipe: Recipe) -> bool:
    """Whether the embedding of a jet is the same at each step, and all of the backbone that the head reads."""
    unchanged = isinstance(recipe.start, FrozenStart) and not recipe.training.augmentation.changes
    return unchanged and model.head is not None and "token_vectors" not in model.head.reads


def _compared(recipe: Recipe, trained: NetworkConfig) -> Iterator[tuple[str, str, object, object]]:
    """Section, key, and values on both sides of all that must be the same; names and numbers of jets may differ."""
    ours, theirs = recipe.inputs.build(), embedded_level(trained.level)
    of_jet = (
        theirs.names[: len(ours.names)] if trained.level.name == "event" else theirs.names
    )  # the rest is the head's
    yield "inputs", "jet", ours.names, of_jet
    yield "inputs", "groups", [member.name for member in ours.members], [member.name for member in theirs.members]
    for left, right in zip(ours.members, theirs.members, strict=False):
        yield "inputs", "fields", left.names, right.names
        yield "inputs", "max_tokens", left.maximum, right.maximum
        yield "inputs", "order", left.order, right.order
    mine, before = (backbone.model_dump(exclude={_FREE}) for backbone in (recipe.backbone, trained.backbone))
    for key in {**before, **mine}:
        yield "backbone", key, mine.get(key), before.get(key)
