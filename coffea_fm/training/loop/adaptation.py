"""Fine-tuning from a checkpoint: load its weights, and set when and how fast each part is trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from coffea_fm.bundle.find import find_checkpoint
from coffea_fm.errors import RecipeError
from coffea_fm.nn.blocks.low_rank import add_low_rank
from coffea_fm.nn.checkpoint import NetworkConfig, load_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.heads.event import EventHead, EventHeadConfig, JetHeadConfig
from coffea_fm.nn.model import Model, embedded_level
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.recipe.start import FrozenStart, LowRankStart, StartConfig

_BACKBONE = "model.backbone."
_JET_HEAD = "model.head.jet_head."
_FREE = {"dropout", "embedding", "feature_drop"}
"""Backbone settings that may differ from the checkpoint: no weight but those of the read-out depends on them."""


class Part(NamedTuple):
    """Parameters that share a learning rate.

    Attributes
    ----------
    of_backbone : bool
    layers_above : int
        Number of backbone layers above them, for parameters of the backbone.
    """

    of_backbone: bool
    layers_above: int = 0


class StartingPoint(NamedTuple):
    """A trained network to start from.

    Attributes
    ----------
    model : Model
        The trained network.
    jet_head : JetHeadConfig or None
        Architecture and classes of its head, if it predicts jet scores.
    change : str
        One sentence if the recipe reads another embedding out of the backbone than the checkpoint did.
    """

    model: Model
    jet_head: JetHeadConfig | None
    change: str


def starting_point(recipe: Recipe) -> StartingPoint | None:
    """Load the trained network that a recipe starts from, if any.

    Raises
    ------
    InputError
        If the checkpoint cannot be read.
    RecipeError
        If its inputs or architecture differ from those of the recipe, if it is a bundle, or if the jet head that computes
        scores would read another embedding than the one it was trained with.
    """
    if recipe.start is None or recipe.start.checkpoint is None:
        return None
    folder = find_checkpoint(recipe.start.checkpoint)
    model, checkpoint = load_checkpoint(folder)
    trained = checkpoint.network
    for section, key, ours, theirs in _compared(recipe, trained):
        if ours != theirs:
            raise RecipeError(
                f"{section}.{key} of the recipe is {ours}, but the checkpoint {recipe.start.checkpoint} was trained with "
                f"{theirs}: copy the section {section} of its recipe"
            )
    head = trained.head
    if trained.level.name == "event" or not isinstance(head, ClassificationHeadConfig):
        jet_head = None
    else:
        jet_head = JetHeadConfig(config=head, classes=trained.classes)
    return StartingPoint(model, jet_head, _change_of_embedding(recipe, trained, jet_head))


def start_from(model: Model, recipe: Recipe, start: StartingPoint | None) -> None:
    """Load the initial weights into a new model, and add adapters if the recipe asks for them.

    A read-out that the checkpoint does not have is new. It is trained with the head.
    """
    if start is not None:
        missing, _ = model.backbone.load_state_dict(start.model.backbone.state_dict(), strict=not start.change)
        model.backbone.new = frozenset(missing)
        if isinstance(model.head, EventHead) and model.head.jet_head is not None and start.model.head is not None:
            model.head.jet_head.load_state_dict(start.model.head.state_dict())
    if isinstance(recipe.start, LowRankStart):
        add_low_rank(model.backbone, recipe.start.rank, recipe.start.alpha)


def part_of(name: str, model: Model, start: StartConfig | None) -> Part | None:
    """The part that a parameter of a method belongs to; None if all parameters share a learning rate.

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
    inside = name.removeprefix(_BACKBONE)
    if inside == name or inside in model.backbone.new:
        return Part(of_backbone=False)
    return Part(of_backbone=True, layers_above=model.backbone.layers_above(inside))


def rate_factor(start: StartConfig | None, part: Part | None, progress: float) -> float:
    """Learning-rate factor of a part after a fraction `progress` of the training."""
    if start is None or part is None:
        return 1.0
    if not part.of_backbone:
        return start.head_factor(progress)
    return start.backbone_factor(progress) * start.layer_factor(part.layers_above)


def freeze_backbone(model: Model, start: StartConfig | None, progress: float) -> None:
    """Freeze or unfreeze the backbone as the mode requires; if frozen, it has no gradients and is in evaluation mode.

    The jet head of an event head is treated as part of the backbone, and a new read-out as part of the head.
    """
    if start is None or isinstance(start, LowRankStart):
        return
    trained = start.backbone_factor(progress) > 0
    for part in (model.backbone, getattr(model.head, "jet_head", None)):
        if part is not None:
            part.train(trained)
            part.requires_grad_(trained)
    model.backbone.train_new()


def keeps_embeddings(model: Model, recipe: Recipe) -> bool:
    """Whether embeddings can be cached: they never change, and the head reads nothing else from the backbone."""
    frozen = isinstance(recipe.start, FrozenStart) and not model.backbone.new
    unchanged = frozen and not recipe.training.augmentation.changes
    return unchanged and model.head is not None and "token_vectors" not in model.head.reads


def _compared(recipe: Recipe, trained: NetworkConfig) -> Iterator[tuple[str, str, object, object]]:
    """Section, key and both values of all settings that must agree; names and numbers of jets may differ."""
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
    mine, before = (backbone.model_dump(exclude=_FREE) for backbone in (recipe.backbone, trained.backbone))
    for key in {**before, **mine}:
        yield "backbone", key, mine.get(key), before.get(key)


def _change_of_embedding(recipe: Recipe, trained: NetworkConfig, jet_head: JetHeadConfig | None) -> str:
    ours, theirs = (getattr(backbone, "embedding", None) for backbone in (recipe.backbone, trained.backbone))
    if ours == theirs:
        return ""
    if jet_head is not None and isinstance(recipe.head, EventHeadConfig) and "scores" in recipe.head.reads:
        raise RecipeError(
            f"backbone.embedding is {ours}, but the jet head of the checkpoint was trained with {theirs}: set "
            f"backbone.embedding: {theirs}, or head.reads: [embedding]"
        )
    new = (
        "its weights are new, and are trained with the head" if ours in {"attention", "layers"} else "it has no weights"
    )
    return f"backbone.embedding is {ours}, but the checkpoint was trained with {theirs}: {new}"
