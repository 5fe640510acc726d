from __future__ import annotations

import csv
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_jets import LEVEL, random_jets

from coffea_fm.classes import JET_CLASSES
from coffea_fm.methods.contrastive.jetclr import JetCLRConfig
from coffea_fm.methods.contrastive.moco import MoCoConfig
from coffea_fm.methods.contrastive.swav import SwAVConfig
from coffea_fm.methods.distillation.dino import DINOConfig
from coffea_fm.methods.distillation.dino_ibot import DINOiBOTConfig
from coffea_fm.methods.distillation.rino import RINOConfig
from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.self_distillation import SelfDistillation
from coffea_fm.methods.parts.views.joint import Groups, Views
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.checkpoint import NetworkConfig, load_tensors
from coffea_fm.shipped import shipped
from coffea_fm.training import pretrain
from coffea_fm.training.loop import loop
from coffea_fm.training.recipe.recipe import Recipe, load_recipe

MakeRecipe = Callable[..., Recipe]
METHODS: list[dict[str, Any]] = [
    {"kind": "jetclr"},
    {"kind": "moco", "queue": 64},
    {"kind": "swav", "prototypes": 16},
    {"kind": "rino", "prototypes": 32},
    {"kind": "dino", "prototypes": 32, "balance": "centring"},
    {"kind": "dino-ibot", "prototypes": 32},
]
CONFIGS = (
    JetCLRConfig(),
    MoCoConfig(queue=64),
    SwAVConfig(prototypes=16),
    RINOConfig(prototypes=16),
    DINOConfig(prototypes=16),
    DINOiBOTConfig(prototypes=16),
)


def method_and_part(config: Any, jets: int = 40) -> tuple[Method, Views]:
    torch.manual_seed(0)
    model = NetworkConfig(level=LEVEL, backbone=SetTransformerConfig(dim=16, layers=1, heads=2)).build()
    method = config.build(model)
    packed, target = random_jets(jets)
    examples = Examples(packed, {"target": target}, np.ones(jets, np.float32))
    (part,) = method.parts(examples, LEVEL, 400, torch.device("cpu"), np.random.default_rng(0))
    return method, part


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_one_part_holds_all_jets_and_gives_each_metric_for_each(config: Any) -> None:
    method, part = method_and_part(config)
    metrics = method(part)
    assert tuple(metrics) == method.metrics
    assert all(values.shape == (40,) and values.dtype == torch.float32 for values in metrics.values())
    metrics["loss"].mean().backward()
    missing = [name for name, p in method.model.backbone.named_parameters() if p.grad is None]
    assert not missing


@pytest.mark.parametrize("config", CONFIGS[-2:], ids=lambda config: config.kind)
def test_the_teacher_gets_no_gradient_and_follows(config: Any) -> None:
    method, part = method_and_part(config)
    assert isinstance(method, SelfDistillation)
    method(part)["loss"].mean().backward()
    assert all(p.grad is None and not p.requires_grad for p in method.teacher_backbone.parameters())
    assert all(p.grad is None and not p.requires_grad for p in method.teacher_head.parameters())
    with torch.no_grad():
        for parameter in (*method.model.backbone.parameters(), *method.head.parameters()):
            parameter.add_(1.0)
    before = [p.clone() for p in method.teacher_backbone.parameters()]
    method.finish_step(0.0)
    for old, now in zip(before, method.teacher_backbone.parameters(), strict=True):
        torch.testing.assert_close(now, old + (1 - config.teacher.start), rtol=1e-4, atol=1e-6)


def test_what_teacher_and_student_see() -> None:
    method, part = method_and_part(RINOConfig(teacher_subjets=(1, 3), student_subjets=(8,), prototypes=16))
    student, teacher = (tokens_of_views(groups, len(part.weight)) for groups in part.views)
    assert student.max(dim=1).values.tolist() == [1, 3, 8, 40]
    torch.testing.assert_close(teacher, student[:2])
    assert isinstance(method, SelfDistillation)
    assert (list(method.teacher_views), list(method.student_views)) == ([0, 1], [0, 1, 2, 3])
    method, part = method_and_part(DINOConfig(student_views=3, prototypes=16))
    assert isinstance(method, SelfDistillation)
    assert (list(method.teacher_views), list(method.student_views)) == ([0], [1, 2, 3])
    student, teacher = (tokens_of_views(groups, len(part.weight)).sum(dim=1) for groups in part.views)
    assert all(0.3 < some / teacher[0] < 0.7 for some in student)


def tokens_of_views(groups: Groups, n_jets: int) -> torch.Tensor:
    """How many tokens each jet has in each view, [views, jets]."""
    order = torch.cat([jets for jets, _ in groups]).argsort()
    return torch.cat([inputs.tokens.mask.sum(dim=1) for _, inputs in groups])[order].view(-1, n_jets)


def test_teacher_temperature_and_centre() -> None:
    config = DINOConfig(prototypes=16, balance="centring", teacher_temperature=(0.1, 0.5), warmup=0.5)
    method, _ = method_and_part(config)
    assert isinstance(method, SelfDistillation)
    logits = torch.randn(2, 30, 16)
    for progress, temperature in ((0.0, 0.1), (0.25, 0.3), (0.5, 0.5), (1.0, 0.5)):
        method.progress.fill_(progress)
        method.centre.fill_(0.0)
        torch.testing.assert_close(method.targets(logits, method.centre), torch.softmax(logits / temperature, dim=2))
        torch.testing.assert_close(method.centre, 0.1 * logits.mean(dim=(0, 1)))
    shifted = method.eval().targets(logits, method.centre)
    torch.testing.assert_close(shifted, torch.softmax((logits - method.centre) / 0.5, dim=2))
    torch.testing.assert_close(method.centre, 0.1 * logits.mean(dim=(0, 1)))


def log(folder: Path) -> list[dict[str, str]]:
    with (folder / "small" / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["kind"])
def test_training_falls_and_resumes_to_the_same_bits(
    method: dict[str, Any], make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(training={"seen": 1200, "validate_every": 600, "augmentation": {}})
    recipe = Recipe.model_validate(recipe.model_dump(exclude={"head", "method"}) | {"method": method})
    pretrain(recipe, tmp_path / "whole", show_progress=False)
    rows = log(tmp_path / "whole")
    losses = [float(row["train_loss"]) for row in rows if row["train_loss"]]
    assert losses[-1] < losses[0]
    ranks = [float(row["validation_embedding_rank"]) for row in rows if row["validation_embedding_rank"]]
    assert min(ranks) > 1.5
    whole, count = loop.update_average, iter(range(10**6))

    def interrupted(*args: Any) -> None:
        if next(count) == 13:
            signal.raise_signal(signal.SIGINT)
        whole(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update_average", interrupted)
        assert not pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    assert pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    ours, theirs = (
        load_tensors(tmp_path / name / "small" / "last" / "state.safetensors")[0] for name in ("whole", "broken")
    )
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize("name", ["jetclr", "rino", "dino", "dino-ibot"])
def test_shipped_recipe(name: str) -> None:
    recipe = load_recipe(shipped("models", name) / "recipe.yaml")
    model = recipe.network(JET_CLASSES).build()
    assert model.head is None
    assert recipe.name == recipe.method.kind == name
    assert recipe.method.build(model).metrics[0] == "loss"
