from __future__ import annotations

import math
import sys

import pytest
import torch
from torch import nn

from coffea_fm.errors import RecipeError
from coffea_fm.training.loop.optimizer import build_optimizer, learning_rate, optimizer_tensors, restore_optimizer
from coffea_fm.training.recipe.sections import OptimizerName


def test_learning_rate_rises_and_falls() -> None:
    assert learning_rate(0.0, 1.0, 0.1) == 0.0
    assert learning_rate(0.05, 1.0, 0.1) == pytest.approx(0.5)
    assert learning_rate(0.1, 2.0, 0.1) == 2.0
    assert learning_rate(0.55, 1.0, 0.1) == pytest.approx(0.5)
    assert learning_rate(0.325, 1.0, 0.1) == pytest.approx(0.5 * (1 + math.sqrt(0.5)))
    assert learning_rate(1.0, 1.0, 0.1) == pytest.approx(0.0)
    assert learning_rate(0.0, 1.0, 0.0) == 1.0


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.norm = nn.LayerNorm(2)
        self.token = nn.Parameter(torch.randn(1, 2))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = (self.norm(self.layer(inputs)) * self.token).sum()
        return result


def test_only_matrices_decay() -> None:
    module = Small()
    decayed, free = build_optimizer(module, 1e-3, 0.1).param_groups
    assert decayed["params"] == [module.layer.weight]
    assert decayed["weight_decay"] == 0.1
    assert len(free["params"]) == 4
    assert free["weight_decay"] == 0


def test_lion_steps_by_the_sign_of_the_average_and_decays() -> None:
    pytest.importorskip("pytorch_optimizer")
    module = nn.Linear(3, 1, bias=False)
    optimizer = build_optimizer(module, 0.1, 0.5, kind="lion", betas=(0.6, 0.9))
    average, expected = torch.zeros(1, 3), module.weight.detach().clone()
    for gradient in torch.randn(4, 1, 3):
        module.weight.grad = gradient.clone()
        optimizer.step()
        expected = expected * (1 - 0.1 * 0.5) - 0.1 * torch.sign(0.6 * average + 0.4 * gradient)
        average = 0.9 * average + 0.1 * gradient
    torch.testing.assert_close(module.weight.detach(), expected)


def test_lion_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(RecipeError, match=r"pip install 'coffea-fm\[lion\]', or choose adamw"):
        build_optimizer(Small(), 0.1, 0.1, kind="lion")


@pytest.mark.parametrize("kind", ["adamw", "lion"])
def test_restored_optimizer_makes_the_same_step(kind: OptimizerName) -> None:
    if kind == "lion":
        pytest.importorskip("pytorch_optimizer")
    torch.manual_seed(0)
    data = torch.randn(5, 4, 3)

    def steps(module: nn.Module, optimizer: torch.optim.Optimizer, which: range) -> None:
        for index in which:
            module(data[index]).backward()
            optimizer.step()
            optimizer.zero_grad()

    first = Small()
    optimizer = build_optimizer(first, 0.1, 0.1, kind=kind)
    steps(first, optimizer, range(3))
    second = Small()
    second.load_state_dict(first.state_dict())
    other = build_optimizer(second, 0.1, 0.1, kind=kind)
    restore_optimizer(
        second, other, {name: value.clone() for name, value in optimizer_tensors(first, optimizer).items()}
    )
    steps(first, optimizer, range(3, 5))
    steps(second, other, range(3, 5))
    for left, right in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(left, right)
