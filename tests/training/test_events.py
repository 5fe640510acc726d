"""Events: the four ways, what they leave alone, and which events they see."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from event_recipes import BACKBONE, INPUTS, event_recipe
from random_events import CLASSES, EVENTS, write_random_events
from random_jets import CLASSES as JET_CLASSES
from trainings import assert_same_state, run_state

from coffea_fm.errors import InputError, InputWarning, RecipeError
from coffea_fm.nn.batches import make_inputs
from coffea_fm.nn.checkpoint import load_checkpoint, save_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.training import pretrain
from coffea_fm.training.data.datasets import datasets
from coffea_fm.training.data.embeddings import EmbeddedShards, embed_shards
from coffea_fm.training.data.weights import Weights
from coffea_fm.training.loop import loop
from coffea_fm.training.loop.adaptation import Part, keeps_embeddings, part_of
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_events(tmp_path_factory.mktemp("events"), (150, 90, 60))


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of jets, of random weights, with a head of two classes."""
    place = tmp_path_factory.mktemp("pretrained") / "best"
    content = {"name": "jets", "inputs": INPUTS, "backbone": BACKBONE, "method": {"kind": "supervised"}}
    recipe = Recipe.model_validate(
        content | {"training": {"seen": 1}, "data": {"train": "nowhere", "validation": "nowhere"}}
    )
    torch.manual_seed(17)
    network = recipe.network(JET_CLASSES)
    save_checkpoint(place, network.build().state_dict(), network, {})
    return place


@pytest.fixture
def recipe(folder: Path) -> MakeRecipe:
    """A small recipe of events, with sections updated."""
    return partial(event_recipe, folder)


def parts(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Backbone, jet head and event head of a checkpoint; a checkpoint of jets has no event head."""
    model, _ = load_checkpoint(folder)
    state = model.head.state_dict()
    if model.level.name == "jet":
        return model.backbone.state_dict(), state, {}
    return model.backbone.state_dict(), *split_head(state)


def split_head(state: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights of the jet head, and those of the event head by itself."""
    prefix = "jet_head."
    return (
        {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)},
        {name: value for name, value in state.items() if not name.startswith(prefix)},
    )


def fresh_head(made: Recipe, folder: Path) -> dict[str, torch.Tensor]:
    """The event head with which a training began."""
    torch.manual_seed(made.training.seed)
    return split_head(load_checkpoint(folder)[1].network.build().head.state_dict())[1]


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_from_scratch_it_learns(recipe: MakeRecipe, tmp_path: Path) -> None:
    result = pretrain(recipe(training={"seen": 6000, "validate_every": 1500}), tmp_path, show_progress=False)
    assert result.finished
    assert result.metrics["accuracy"] > 0.8
    model, checkpoint = load_checkpoint(result.best)
    assert checkpoint.network.classes == CLASSES
    made = recipe()
    _, validation = datasets(made)
    packed, columns = validation.read(validation.row_groups)
    with torch.no_grad():
        logits = model(make_inputs(packed, model.level, 500))
    right = (logits.argmax(dim=1).numpy() == columns["target"]).astype(float)
    weight = Weights(datasets(made)[0], made.data.reweight)(columns)
    assert np.average(right, weights=weight) == pytest.approx(result.metrics["accuracy"], abs=1e-5)


@pytest.mark.parametrize("reads", [["embedding"], ["scores"], ["embedding", "scores"]])
def test_frozen_leaves_backbone_and_jet_head_as_they_are(
    recipe: MakeRecipe, pretrained: Path, tmp_path: Path, reads: list[str]
) -> None:
    made = recipe(head={"reads": reads}, start={"mode": "frozen", "checkpoint": str(pretrained)})
    result = pretrain(made, tmp_path, show_progress=False)
    backbone, jet_head, event_head = parts(result.folder / "best")
    before = parts(pretrained)
    assert same(backbone, before[0])
    assert same(jet_head, before[1] if "scores" in reads else {})
    fresh = fresh_head(made, result.folder / "best")
    assert not same(event_head, fresh)


def test_frozen_runs_the_backbone_once_for_each_jet_of_the_folder(
    recipe: MakeRecipe, pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also over heads, seeds, folds and numbers of examples; what is learned is the same as without keeping."""
    start = {"mode": "frozen", "checkpoint": str(pretrained)}
    kept = pretrain(recipe(start=start), tmp_path / "kept", show_progress=False)
    assert len(list((tmp_path / "kept" / "embeddings").glob("*.npy"))) == 1
    with monkeypatch.context() as patch:
        patch.setattr("coffea_fm.training.data.embeddings.in_order", None)
        for number, sections in enumerate(
            (
                {"head": {"reads": ["scores"]}},
                {"training": {"seed": 1}},
                {"data": {"split": {"leave_out": 0, "examples": 100, "draw": 3}}},
                {"head": {"fields": ["pt", "phi"]}},
            )
        ):
            pretrain(recipe(name=f"other-{number}", start=start, **sections), tmp_path / "kept", show_progress=False)
    monkeypatch.setattr(loop, "keeps_embeddings", lambda *_: False)
    anew = pretrain(recipe(start=start), tmp_path / "anew", show_progress=False)
    assert anew.metrics["loss"] == pytest.approx(kept.metrics["loss"], rel=1e-4)
    left, right = run_state(tmp_path / "kept"), run_state(tmp_path / "anew")
    for name in (name for name in left if name.startswith("weights/model.head")):
        torch.testing.assert_close(left[name], right[name], rtol=1e-3, atol=1e-5)


def test_end_to_end_moves_everything_each_at_its_rate(recipe: MakeRecipe, pretrained: Path, tmp_path: Path) -> None:
    start = {"mode": "full", "checkpoint": str(pretrained), "backbone_lr": 1e-5}
    made = recipe(head={"reads": ["scores"]}, start=start, training={"seen": 40})
    result = pretrain(made, tmp_path, show_progress=False)
    before, after = parts(pretrained), parts(result.folder / "last")
    for left, right in zip(before[:2], after[:2], strict=True):
        moved = [float((left[name] - right[name]).abs().max()) for name in left if left[name].is_floating_point()]
        assert 0 < max(moved) < 1e-6
    fresh = fresh_head(made, result.folder / "last")
    moved = [float((fresh[name] - after[2][name]).abs().max()) for name in after[2]]
    assert max(moved) > 1e-4


@pytest.mark.parametrize(
    "sections",
    [
        {"start": {"mode": "staged", "frozen": 0.3, "ramp": 0.3, "backbone_lr": 0.5}, "head": {"reads": ["scores"]}},
        {"start": {"mode": "frozen"}},
        {"head": {"kind": "event-transformer", "dim": 8, "layers": 1, "heads": 2, "pair_bias": True}},
        {"training": {"augmentation": {"rotate": True, "drop": 0.1}}},
    ],
)
def test_an_interrupted_training_resumes_to_the_same_bits(
    recipe: MakeRecipe, pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sections: dict[str, Any]
) -> None:
    if "start" in sections:
        sections = sections | {"start": sections["start"] | {"checkpoint": str(pretrained)}}
    made = recipe(**sections)
    pretrain(made, tmp_path / "whole", show_progress=False)
    rate, count = loop.learning_rate, iter(range(1000))

    def interrupted(*arguments: float) -> float:
        if next(count) == 7:
            signal.raise_signal(signal.SIGINT)
        return rate(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "learning_rate", interrupted)
        assert not pretrain(made, tmp_path / "broken", show_progress=False).finished
    assert pretrain(made, tmp_path / "broken", show_progress=False).finished
    assert_same_state(tmp_path / "whole", tmp_path / "broken")


def test_augmented_jets_differ_and_fields_do_not(recipe: MakeRecipe, tmp_path: Path) -> None:
    plain = pretrain(recipe(training={"seen": 40}), tmp_path / "a", show_progress=False)
    turned = pretrain(
        recipe(training={"seen": 40, "augmentation": {"rotate": True}}), tmp_path / "b", show_progress=False
    )
    assert not same(parts(plain.folder / "last")[0], parts(turned.folder / "last")[0])


def test_embedded_events_are_the_events(pretrained: Path, folder: Path) -> None:
    model, _ = load_checkpoint(pretrained)
    whole = ShardDataset(folder, EVENTS)
    vectors = embed_shards(model, whole)
    packed, columns = whole.read(whole.row_groups)
    chosen = columns["fold"] == 1
    embedded = EmbeddedShards(ShardDataset(folder, EVENTS, chosen), vectors)
    events, found = embedded.read(embedded.row_groups[::-1])
    np.testing.assert_array_equal(np.sort(found["event"]), columns["event"][chosen])
    expected = {
        int(event): rows
        for event, rows in zip(columns["event"], np.split(vectors, packed.members["FatJet"].offsets[1:-1]), strict=True)
    }
    jets = events.members["FatJet"]
    assert not jets.things.members
    for event, rows in zip(found["event"], np.split(jets.things.known["embedding"], jets.offsets[1:-1]), strict=True):
        np.testing.assert_array_equal(rows, expected[int(event)])


def test_parts_and_what_keeps_embeddings(recipe: MakeRecipe) -> None:
    made = recipe(start={"mode": "full"})
    model = made.network(CLASSES).build()
    assert part_of("model.head.jet_head.layers.1.weight", model, made.start) == Part(of_backbone=True)
    assert part_of("model.head.of_jet.0.weight", model, made.start) == Part(of_backbone=False)
    assert keeps_embeddings(model, recipe(start={"mode": "frozen"}))
    assert not keeps_embeddings(model, recipe(start={"mode": "frozen"}, training={"augmentation": {"rotate": True}}))


def test_negative_weights_are_refused_and_zero_ones_are_not(recipe: MakeRecipe, tmp_path: Path) -> None:
    negative = write_random_events(tmp_path / "negative", (60,), weight=-1.0)
    with pytest.raises(InputError, match=r"weights in .* are negative, which makes the loss unbounded"):
        pretrain(recipe(data={"train": str(negative)}), tmp_path / "runs", show_progress=False)
    data = ShardDataset(write_random_events(tmp_path / "small", (60,), weight=1e-4))
    weight = Weights(data, recipe().data.reweight)(data.scalars("target", "weight"))
    target = data.scalars("target")["target"]
    np.testing.assert_allclose([weight[target == 0].sum(), weight[target == 1].sum()], 30, rtol=1e-4)


def test_scores_need_a_checkpoint_that_has_them(recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"head.reads: the scores of jets come from the head of the checkpoint"):
        pretrain(recipe(head={"reads": ["scores"]}), tmp_path, show_progress=False)
    first = pretrain(recipe(training={"seen": 40}), tmp_path / "runs", show_progress=False)
    start = {"mode": "frozen", "checkpoint": str(first.folder / "best")}
    with pytest.raises(RecipeError, match=r"head.reads: the scores of jets"):
        pretrain(recipe(name="next", head={"reads": ["scores"]}, start=start), tmp_path / "runs", show_progress=False)
    made = recipe(name="next", start=start, training={"seen": 40})
    second = pretrain(made, tmp_path / "runs", show_progress=False)
    assert same(parts(second.folder / "best")[0], parts(first.folder / "best")[0])


def test_scores_need_the_embedding_that_the_jet_head_was_trained_with(
    recipe: MakeRecipe, pretrained: Path, tmp_path: Path
) -> None:
    start = {"mode": "frozen", "checkpoint": str(pretrained)}
    other = {"backbone": {"embedding": "mean"}, "start": start, "training": {"seen": 40}}
    message = r"is mean, but the jet head .* trained with register: set backbone.embedding: register, or head.reads: \["
    for reads in (["scores"], ["embedding", "scores"]):
        with pytest.raises(RecipeError, match=message):
            pretrain(recipe(head={"reads": reads}, **other), tmp_path / "runs", show_progress=False)
    assert not (tmp_path / "runs").exists()
    with pytest.warns(InputWarning, match="embedding is mean, but the checkpoint was trained with register"):
        made = pretrain(recipe(head={"reads": ["embedding"]}, **other), tmp_path / "runs", show_progress=False)
    assert made.finished
