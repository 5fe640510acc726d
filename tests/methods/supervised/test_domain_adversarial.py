from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from random_jets import CLASSES, LEVEL, random_jets
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.methods.supervised.domain_adversarial import (
    DomainAdversarial,
    DomainAdversarialConfig,
    reversed_gradient,
)
from coffea_fm.nn.batches import Batch, Examples
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]
METHOD = {"kind": "domain-adversarial", "strength": 0.7}


def write(folder: Path, n_simulated: int, n_data: int, seed: int) -> Path:
    """One shard of simulation and one of data, whose particles have twice the impact parameters."""
    for domain, number in enumerate((n_simulated, n_data)):
        packed, target = random_jets(number, seed + domain)
        packed.members["constituents"].things.values[:, 6] *= 1 + domain
        source = Source(dataset=f"domain-{domain}", file=f"{domain}", start=0, stop=number)
        columns = {"target": target, "domain": np.full(number, domain, np.int32)}
        write_shard(folder / source.shard_name, packed, LEVEL, columns=columns, classes=CLASSES, source=source)
    return folder


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("domains")
    write(folder / "train", 300, 100, 0)
    write(folder / "validation", 90, 30, 10)
    return folder


@pytest.fixture
def recipe(make_recipe: MakeRecipe, domains: Path) -> Recipe:
    data = {"train": str(domains / "train"), "validation": str(domains / "validation"), "reweight": None}
    return make_recipe(method=METHOD, data=data)


@pytest.fixture
def method(recipe: Recipe, domains: Path) -> DomainAdversarial:
    torch.manual_seed(0)
    method = recipe.method.build(recipe.network(CLASSES).build())
    method.prepare(ShardDataset(domains / "train"), 0)
    assert isinstance(method, DomainAdversarial)
    return method


def whole(method: DomainAdversarial, folder: Path) -> list[Batch]:
    data = ShardDataset(folder)
    packed, columns = data.read(data.row_groups)
    examples = Examples(packed, columns, np.ones(len(packed), np.float32))
    return list(method.parts(examples, data.level, 2000, torch.device("cpu"), np.random.default_rng(0)))


def test_the_reversed_gradient_has_the_size_and_the_other_sign() -> None:
    values = torch.randn(7, 3, requires_grad=True)
    found = reversed_gradient(values, torch.tensor(0.3))
    assert torch.equal(found, values)
    weights = torch.randn(7, 3)
    (gradient,) = torch.autograd.grad((found * weights).sum(), values)
    torch.testing.assert_close(gradient, -0.3 * weights)


def test_the_backbone_goes_up_the_loss_of_the_domain_and_the_adversary_down(
    method: DomainAdversarial, domains: Path
) -> None:
    method.ramp.fill_(0.5)
    method.eval().training = True  # without dropout
    part = whole(method, domains / "train")[0]
    method(part)["loss"].sum().backward()
    embedding = method.model.known(part.inputs)["embedding"]
    domain = part.columns["domain"]
    chosen = domain == 0
    classes = cross_entropy(method.model(part.inputs)[chosen], part.columns["target"][chosen], reduction="sum") / 0.75
    side = binary_cross_entropy_with_logits(
        method.adversary(embedding).squeeze(1),
        domain.float(),
        weight=torch.where(chosen, 1 / 1.5, 2.0),
        reduction="sum",
    )
    backbone, adversary = list(method.model.backbone.parameters()), list(method.adversary.parameters())
    of_classes = torch.autograd.grad(classes, backbone, retain_graph=True)
    of_domain = torch.autograd.grad(side, backbone, retain_graph=True)
    for parameter, ours, theirs in zip(backbone, of_classes, of_domain, strict=True):
        torch.testing.assert_close(parameter.grad, ours - 0.7 * 0.5 * theirs, rtol=1e-3, atol=1e-4)
    for parameter, expected in zip(adversary, torch.autograd.grad(side, adversary), strict=True):
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-3, atol=1e-4)


def test_classes_of_data_are_not_read_and_means_are_those_of_the_simulation(
    method: DomainAdversarial, domains: Path
) -> None:
    method.eval()
    parts = whole(method, domains / "train")
    found: dict[str, torch.Tensor] = {}
    for part in parts:
        other = torch.where(part.columns["domain"] == 1, 1 - part.columns["target"], part.columns["target"])
        again = part._replace(columns=part.columns | {"target": other})
        assert all(torch.equal(value, method(again)[name]) for name, value in method(part).items())
    values = [method(part) for part in parts]
    found = {name: torch.cat([value[name].float() for value in values]) for name in method.metrics}
    domain = torch.cat([part.columns["domain"] for part in parts])
    logits = torch.cat([method.model(part.inputs) for part in parts])[domain == 0]
    target = torch.cat([part.columns["target"] for part in parts])[domain == 0]
    torch.testing.assert_close(found["loss"].mean(), cross_entropy(logits, target))
    torch.testing.assert_close(found["accuracy"].mean(), (logits.argmax(dim=1) == target).float().mean())
    right = found["domain_accuracy"] > 0
    balanced = torch.stack([right[domain == kind].float().mean() for kind in (0, 1)]).mean()
    torch.testing.assert_close(found["domain_accuracy"].mean(), balanced)


def test_the_strength_grows_as_in_the_paper(method: DomainAdversarial) -> None:
    for progress in (0.0, 0.1, 0.5, 1.0):
        method.finish_step(progress)
        assert float(method.ramp) == pytest.approx(2 / (1 + np.exp(-10 * progress)) - 1, abs=1e-6)


class Toy(nn.Module):
    """One number tells the class, the other the domain."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(2, 16), nn.GELU(), nn.Linear(16, 8))
        self.backbone.dim = 8  # type: ignore[assignment]
        self.head = nn.Linear(8, 2)

    def known(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"embedding": self.backbone(inputs)}


def trained_on_toy(strength: float) -> tuple[float, float]:
    """Accuracies of classes and of domains in the last steps."""
    torch.manual_seed(0)
    target, domain = torch.arange(200) // 2 % 2, torch.arange(200) % 2
    centres = torch.stack([target * 2.0 - 1, domain * 2.0 - 1], dim=1)
    toy: Any = Toy()
    method = DomainAdversarialConfig(strength=strength, hidden=(16,)).build(toy)
    columns = {"target": target, "domain": domain}
    optimizer = torch.optim.SGD(method.parameters(), lr=0.1)
    told = []
    for step in range(800):
        optimizer.zero_grad()
        part: Any = SimpleNamespace(inputs=centres + 0.3 * torch.randn(200, 2), columns=columns)
        found = method(part)
        found["loss"].mean().backward()
        optimizer.step()
        method.finish_step(step / 800)
        told.append(float(found["domain_accuracy"].mean()))
    return float(found["accuracy"].mean()), float(np.mean(told[-100:]))


def test_the_domain_is_lost_from_the_embedding_of_a_toy_and_the_classes_are_not() -> None:
    plain, adversarial = trained_on_toy(0.0), trained_on_toy(1.0)
    assert plain[1] > 0.95
    assert adversarial[1] < 0.6
    assert min(plain[0], adversarial[0]) > 0.95


def test_a_training(recipe: Recipe, tmp_path: Path) -> None:
    result = pretrain(recipe, tmp_path / "runs", show_progress=False)
    assert result.metrics["accuracy"] > 0.8
    assert 0.3 < result.metrics["domain_accuracy"] <= 1


def test_both_domains_are_needed(make_recipe: MakeRecipe, tmp_path: Path, domains: Path) -> None:
    with pytest.raises(InputError, match="no column 'domain'"):
        pretrain(make_recipe(method=METHOD), tmp_path / "runs", show_progress=False)
    write(tmp_path / "one", 20, 1, 0)
    next(path for path in (tmp_path / "one").iterdir() if "domain-1" in path.name).unlink()
    data = {"train": str(tmp_path / "one"), "validation": str(domains / "validation"), "reweight": None}
    with pytest.raises(RecipeError, match=r"both 0 \(simulation\) and 1"):
        pretrain(make_recipe(method=METHOD, data=data, name="one"), tmp_path / "runs", show_progress=False)
