from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_jets import CLASSES
from scipy.stats import norm

from coffea_fm.errors import RecipeError
from coffea_fm.hashing import hash_to_uniform
from coffea_fm.methods.supervised.cwola import Cwola, CwolaConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.shards import ShardDataset
from coffea_fm.shipped import shipped
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe, load_recipe

MakeRecipe = Callable[..., Recipe]
CWOLA = {"kind": "cwola", "signal": ["wide"], "fractions": [0.8, 0.3]}


@pytest.fixture
def method(make_recipe: MakeRecipe, train_data: ShardDataset) -> Cwola:
    recipe = make_recipe(method=CWOLA)
    torch.manual_seed(0)
    method = recipe.method.build(recipe.network(CLASSES).build())
    method.prepare(train_data, 0)
    assert isinstance(method, Cwola)
    return method.eval()


def parts(method: Cwola, data: ShardDataset, seed: int) -> Any:
    packed, columns = data.read(data.row_groups)
    examples = Examples.of(packed, columns, lambda columns: np.ones(len(columns["target"]), np.float32))
    return list(method.parts(examples, data.level, 1000, torch.device("cpu"), np.random.default_rng(seed)))


def test_the_mixtures_have_their_fractions(method: Cwola, train_data: ShardDataset) -> None:
    """Weights of signal and background in the two mixtures, within the binomial error of 400 jets."""
    sums = np.zeros((2, 2))
    for part in parts(method, train_data, 0):
        np.add.at(sums, (part.columns["mixture"].numpy(), part.columns["target"].numpy()), part.weight.numpy())
    assert sums[1, 1] / sums[1].sum() == pytest.approx(0.8, abs=0.08)
    assert sums[0, 1] / sums[0].sum() == pytest.approx(0.3, abs=0.08)
    assert sums[1].sum() / sums.sum() == pytest.approx(0.5, abs=0.08)


def test_a_jet_is_always_in_one_mixture(method: Cwola, train_data: ShardDataset) -> None:
    def mixtures(seed: int) -> dict[float, int]:
        found = parts(method, train_data, seed)
        return {
            pt: mixture
            for part in found
            for pt, mixture in zip(part.columns["pt_raw"].tolist(), part.columns["mixture"].tolist(), strict=True)
        }

    assert mixtures(0) == mixtures(1)
    assert len(mixtures(0)) == 400


def test_uniform_numbers_of_jets_are_uniform() -> None:
    columns = np.random.default_rng(0).normal(size=(4, 20_000)).astype(np.float32)
    numbers = hash_to_uniform(list(columns))
    assert len(np.unique(numbers)) == 20_000
    counts, _ = np.histogram(numbers, 20, (0, 1))
    assert np.sum((counts - 1000) ** 2 / 1000) < 45  # chi-squared of 19 degrees, beyond 99.9%
    np.testing.assert_array_equal(hash_to_uniform(list(columns[:, 5:9])), numbers[5:9])


def test_loss_is_that_of_the_mixtures(method: Cwola, train_data: ShardDataset) -> None:
    part = parts(method, train_data, 0)[0]
    found = method(part)
    scores = method.model(part.inputs).softmax(dim=1)[:, 1]
    chance = torch.where(part.columns["mixture"] == 1, scores, 1 - scores)
    torch.testing.assert_close(found["loss"], -chance.log())


def test_the_best_classifier_of_mixtures_rises_with_the_best_of_classes() -> None:
    """Two normal classes: fitting the mixtures gives (f1 r + 1 - f1) / (f2 r + 1 - f2) of their likelihood ratio r."""
    first, second = 0.7, 0.4
    grid = torch.linspace(-3, 4, 141, dtype=torch.float64)
    signal, background = (torch.from_numpy(norm.pdf(grid.numpy(), centre)) for centre in (1.0, 0.0))
    logit = torch.zeros_like(grid, requires_grad=True)
    optimizer = torch.optim.LBFGS([logit], lr=1, max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")
    mixtures = [fraction * signal + (1 - fraction) * background for fraction in (first, second)]

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        terms = (mixtures[0] * torch.nn.functional.softplus(-logit), mixtures[1] * torch.nn.functional.softplus(logit))
        total = sum(term.sum() for term in terms)
        total.backward()
        return total

    optimizer.step(loss)
    ratio = signal / background
    expected = (first * ratio + 1 - first) / (second * ratio + 1 - second)
    torch.testing.assert_close(logit.detach().exp(), expected, rtol=1e-3, atol=1e-3)
    assert torch.all(torch.diff(expected) > 0)
    assert torch.all(torch.diff(ratio) > 0)


def test_classes_are_learned_without_their_labels(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(method=CWOLA, training={"seen": 4000})
    result = pretrain(recipe, tmp_path, show_progress=False)
    assert result.metrics["true_accuracy"] > 0.85


@pytest.mark.parametrize(
    ("signal", "message"),
    [(["Hbb"], "'Hbb' is not a class of the shards: narrow, wide"), (["narrow", "wide"], "both signal and background")],
)
def test_signal_and_background_are_needed(
    make_recipe: MakeRecipe, tmp_path: Path, signal: list[str], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        pretrain(make_recipe(method=CWOLA | {"signal": signal}), tmp_path, show_progress=False)


def test_the_shipped_recipe_is_one() -> None:
    recipe = load_recipe(shipped("models", "cwola-top") / "recipe.yaml")
    assert recipe.method == CwolaConfig(signal=("Tbqq", "Tbl"), fractions=(0.8, 0.2))
    assert recipe.head is not None
