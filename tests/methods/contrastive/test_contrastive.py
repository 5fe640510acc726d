"""MoCo, SwAV and RS3L on random jets; what all joint methods share is in test_joint_methods."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_jets import LEVEL, random_jets

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError
from coffea_fm.methods.contrastive.moco import MoCo, MoCoConfig
from coffea_fm.methods.contrastive.rs3l import RS3L, RS3LConfig
from coffea_fm.methods.contrastive.swav import SwAV, SwAVConfig
from coffea_fm.methods.parts.losses.distillation import sinkhorn
from coffea_fm.methods.parts.losses.nt_xent import nt_xent
from coffea_fm.methods.parts.projector import ProjectorConfig
from coffea_fm.methods.parts.views.joint import Views, embed
from coffea_fm.methods.parts.views.resimulation import simulations_of, two_simulations
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.shards import Source, write_shard
from coffea_fm.shipped import shipped
from coffea_fm.tokens import Members, Packed
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe, load_recipe

ROWS = simulations_of(LEVEL)
SMALL = ProjectorConfig(hidden=(16,), dim=8)


def part_of(config: Any, examples: Examples, level: Any = LEVEL) -> tuple[Any, Views]:
    torch.manual_seed(0)
    model = NetworkConfig(level=LEVEL, backbone=SetTransformerConfig(dim=16, layers=1, heads=2)).build()
    method = config.build(model)
    (part,) = method.parts(examples, level, 400, torch.device("cpu"), np.random.default_rng(0))
    return method, part


@pytest.fixture
def jets() -> Examples:
    packed, target = random_jets(20)
    return Examples(packed, {"target": target}, np.ones(20, np.float32))


def keys_of(method: MoCo, part: Views) -> torch.Tensor:
    (key,) = method.key_projector(embed(method.key_backbone, part.views[1], len(part.weight)))
    return torch.nn.functional.normalize(key, dim=1)


def test_moco_keys_enter_after_they_were_compared_and_the_key_network_moves_before_the_next_step(
    jets: Examples,
) -> None:
    method, part = part_of(MoCoConfig(queue=30, projector=SMALL), jets)
    before = method.queue.keys.clone()
    loss = method(part)["loss"]
    assert torch.equal(method.queue.keys, before)
    torch.testing.assert_close(method(part)["loss"], loss)
    loss.mean().backward()
    assert all(p.grad is None for p in (*method.key_backbone.parameters(), *method.key_projector.parameters()))
    keys, old = keys_of(method, part), [p.clone() for p in method.key_projector.parameters()]
    with torch.no_grad():
        for parameter in method.projector.parameters():
            parameter.add_(1.0)
    method.finish_step(0.5)
    torch.testing.assert_close(method.queue.keys[:20], keys)
    assert torch.equal(method.queue.keys[20:], before[20:])
    for was, now in zip(old, method.key_projector.parameters(), strict=True):
        torch.testing.assert_close(now, was + 0.001)


def test_moco_loss_by_hand(jets: Examples) -> None:
    method, part = part_of(MoCoConfig(queue=30, projector=SMALL, temperature=0.2), jets)
    (query,) = method.projector(embed(method.model.backbone, part.views[0], 20))
    query, key = torch.nn.functional.normalize(query, dim=1), keys_of(method, part)
    right = torch.exp((query * key).sum(dim=1) / 0.2)
    expected = -torch.log(right / (right + torch.exp(query @ method.queue.keys.T / 0.2).sum(dim=1)))
    torch.testing.assert_close(method(part)["loss"], expected)


def test_moco_validates_with_a_queue_of_its_own_that_starts_anew(jets: Examples) -> None:
    method, part = part_of(MoCoConfig(queue=15, projector=SMALL), jets)
    before = method.queue.keys.clone()
    with torch.no_grad():
        method.eval()
        first, second = (method(part)["loss"] for _ in range(2))
        assert not torch.allclose(first, second)  # its keys of the first part are negatives of the second
        assert torch.equal(method.queue.keys, before)
        assert int(method.queue.entered) == 0
        method.train()
        method(part)
        for teacher in (method.key_backbone, method.key_projector):
            teacher.follow = lambda *_: None  # the same weights
        method.finish_step(0.1)
        method.eval()
        assert torch.equal(method(part)["loss"], first)


def test_swav_predicts_the_balanced_assignment_of_the_other_view(jets: Examples) -> None:
    method, part = part_of(SwAVConfig(prototypes=6, projector=SMALL), jets)
    cosines = method.prototypes(method.projector(embed(method.model.backbone, part.views[0], 20)))
    one, other = (sinkhorn(view, 0.05, 3) for view in cosines)
    predicted = torch.log_softmax(cosines / 0.1, dim=2)
    expected = -((one * predicted[1]).sum(dim=1) + (other * predicted[0]).sum(dim=1)) / 2
    metrics = method(part)
    torch.testing.assert_close(metrics["loss"], expected)
    torch.testing.assert_close(metrics["loss_over_collapsed"], expected / math.log(6))


def test_swav_that_collapsed_has_a_loss_of_at_least_ln_k(jets: Examples) -> None:
    method, part = part_of(SwAVConfig(prototypes=6, projector=SMALL), jets)
    with torch.no_grad():
        method.projector[
            -1
        ].weight.zero_()  # all projections are the same: the assignments are even, not the prediction
    metrics = method(part)
    torch.testing.assert_close(metrics["certainty"], torch.full((20,), 1 / 6))
    assert (metrics["loss_over_collapsed"] > 1).all()
    with torch.no_grad():
        method.prototypes.weight.copy_(method.prototypes.weight[:1].expand(6, -1))
    torch.testing.assert_close(method(part)["loss"], torch.full((20,), math.log(6)))


def test_swav_prototypes_are_frozen_first_and_have_unit_length(jets: Examples) -> None:
    method, part = part_of(SwAVConfig(prototypes=6, projector=SMALL, frozen=0.2), jets)
    for progress, trained in ((0.0, False), (0.1, False), (0.2, True), (0.9, True)):
        method.finish_step(progress)
        method.zero_grad()
        method(part)["loss"].mean().backward()
        assert (method.prototypes.weight.grad is not None) == trained
    with torch.no_grad():
        method.prototypes.weight.mul_(3.0)
    method.finish_step(1.0)
    torch.testing.assert_close(method.prototypes.weight.norm(dim=1), torch.ones(6))


def several(n_rows: int, seed: int = 0) -> tuple[Packed, np.ndarray]:
    """Rows of two to five jets. All simulations of a row have its number as their pt."""
    counts = np.random.default_rng(seed).integers(2, 6, n_rows)
    jets, target = random_jets(int(counts.sum()), seed)
    row = np.repeat(np.arange(n_rows), counts)
    values = jets.values.copy()
    values[:, 0] = 500 + row
    empty = np.zeros((n_rows, 0))
    things = replace(jets, values=values)
    return Packed(empty.astype(np.float32), empty.astype(bool), {"FatJet": Members(counts, things)}), target[:n_rows]


def test_two_different_simulations_are_drawn_evenly() -> None:
    packed, _ = several(40)
    random = np.random.default_rng(0)
    offsets, mass = packed.members["FatJet"].offsets, packed.members["FatJet"].things.values[:, 3]
    pairs = set()
    for _ in range(200):
        first, second = two_simulations(packed, ROWS, random)
        assert first.values[:, 0].tolist() == second.values[:, 0].tolist() == list(range(500, 540))
        assert (first.values[:, 3] != second.values[:, 3]).all()
        pairs.add((float(first.values[0, 3]), float(second.values[0, 3])))
    members = mass[offsets[0] : offsets[1]].tolist()
    assert pairs == {(one, other) for one in members for other in members if one != other}


def test_rs3l_contrasts_projections_of_eight_numbers() -> None:
    packed, target = several(12)
    method, part = part_of(RS3LConfig(), Examples(packed, {"target": target}, np.ones(12, np.float32)), ROWS)
    first, second = method.projector(embed(method.model.backbone, part.views[0], 12))
    assert first.shape == (12, 8)
    loss, found = nt_xent(first, second, 0.1)
    metrics = method(part)
    torch.testing.assert_close(metrics["loss"], loss)
    torch.testing.assert_close(metrics["found"], found)


def test_rs3l_trains_a_model_of_jets_from_rows_of_simulations(
    make_recipe: Callable[..., Recipe], shards: Path, tmp_path: Path
) -> None:
    for name, seed in (("train", 1), ("validation", 2)):
        packed, target = several(120, seed)
        source = Source(dataset="pairs", file=name, start=0, stop=120)
        path = tmp_path / name / source.shard_name
        write_shard(path, packed, ROWS, columns={"target": target}, classes=("narrow", "wide"), source=source)
    recipe = make_recipe(training={"seen": 240, "augmentation": {}, "batch_tokens": 2400})
    content = recipe.model_dump(exclude={"head", "method", "data"}) | {"method": {"kind": "rs3l"}}
    data = {"train": str(tmp_path / "train"), "validation": str(tmp_path / "validation")}
    result = pretrain(Recipe.model_validate(content | {"data": data}), tmp_path / "runs", show_progress=False)
    assert result.finished
    assert result.metrics["embedding_rank"] > 1.5
    data = {"train": str(shards / "train"), "validation": str(shards / "validation")}
    with pytest.raises(InputError, match="collect again"):
        pretrain(Recipe.model_validate(content | {"data": data}), tmp_path / "others", show_progress=False)


@pytest.mark.parametrize(("name", "method"), [("moco", MoCo), ("swav", SwAV), ("rs3l", RS3L)])
def test_shipped_recipe(name: str, method: type) -> None:
    recipe = load_recipe(shipped("models", name) / "recipe.yaml")
    model = recipe.network(JET_CLASSES).build()
    assert recipe.name == recipe.method.kind == name
    assert isinstance(recipe.method.build(model), method)
    assert model.level.name == "jet"
