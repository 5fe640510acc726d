"""Methods that learn numbers of jets, classes of tokens and pairs of tokens, from shards with truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from padded_jets import with_tokens
from random_jets import CLASSES, FIELDS, LEVEL, packed_jets, random_jets

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.export import export_checkpoint
from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.truth import mean_over
from coffea_fm.nn.batches import Batch, Examples
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.tokens import Packed
from coffea_fm.tokens.levels import with_truth
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]
TRUTH = ("side", "vertex")


def jets_with_truth(n_jets: int, seed: int) -> Packed:
    """``side``: 1 for tokens above 7 GeV, 0 below, -1 for neutral ones. ``vertex``: the quadrant of d0 and dz."""
    packed, _ = random_jets(n_jets, seed)
    tokens = packed.members["constituents"]
    values = dict(zip(FIELDS, tokens.things.values.T, strict=True))
    side = (values["pt"] > 7).astype(np.float32)
    side[values["charge"] == 0] = -1
    vertex = 2 * (values["d0"] > 0) + (values["dz"] > 0)
    extended = np.column_stack([tokens.things.values, side, vertex]).astype(np.float32)
    return packed_jets(extended, tokens.counts, tokens.things.missing, packed.values)


@pytest.fixture(scope="module")
def truth_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth")
    for name, n_jets, seed in (("train", 400, 0), ("validation", 100, 1)):
        packed = jets_with_truth(n_jets, seed)
        source = Source(dataset=name, file="f", start=0, stop=n_jets)
        columns = {"target": np.zeros(n_jets), "msoftdrop": 3 * packed.values[:, 0] + 7}
        level = with_truth(LEVEL, TRUTH)
        write_shard(folder / name / source.shard_name, packed, level, columns=columns, classes=CLASSES, source=source)
    return folder


@pytest.fixture
def recipe(make_recipe: MakeRecipe, truth_shards: Path) -> Callable[..., Recipe]:
    data = {name: str(truth_shards / name) for name in ("train", "validation")} | {"reweight": None}

    def make(kind: str, head: dict[str, Any], **training: Any) -> Recipe:
        return make_recipe(method={"kind": kind}, head=head, data=data, training=training)

    return make


def method_of(recipe: Recipe) -> tuple[Method, ShardDataset]:
    torch.manual_seed(0)
    data = ShardDataset(recipe.data.train, recipe.data_level)
    model = recipe.network(CLASSES).build()
    method = recipe.method.build(model).eval()
    method.prepare(data, 0)
    return method, data


def one_part(method: Method, data: ShardDataset, n_jets: int) -> tuple[Batch, Packed]:
    """The jets in their own order as one part."""
    packed, columns = data.read(data.row_groups[:1])
    examples = Examples.of(packed, columns, lambda columns: np.ones(len(columns["target"]), np.float32))
    examples = examples.take(np.arange(n_jets))
    examples = examples.take(np.argsort(-examples.packed.members["constituents"].counts, kind="stable"))
    rng = np.random.default_rng(0)
    (part,) = method.parts(examples, data.level, 10**6, torch.device("cpu"), rng)
    return part, examples.packed


def test_regression_learns_the_number_and_standardises_it(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    chosen = recipe("regression", {"targets": ["msoftdrop"], "hidden": [16]}, seen=4000, lr=1e-2)
    method, data = method_of(chosen)
    values = data.scalars("msoftdrop")["msoftdrop"]
    head = method.model.head
    np.testing.assert_allclose([head.mean.item(), head.deviation.item()], [values.mean(), values.std()], rtol=1e-5)
    part, _ = one_part(method, data, 8)
    found = method(part)
    answer = head.answer(method.model(part.inputs))[:, 0]
    error = (answer - part.columns["msoftdrop"]).abs() / values.std()
    torch.testing.assert_close(found["error"], error, rtol=1e-4, atol=1e-5)
    expected = torch.where(error < 1, 0.5 * error**2, error - 0.5)
    torch.testing.assert_close(found["loss"], expected, rtol=1e-4, atol=1e-5)
    result = pretrain(chosen, tmp_path, show_progress=False)
    assert result.metrics["error"] < 0.3
    manifest = export_checkpoint(result.best, tmp_path / "bundle")
    assert manifest.output("regression").classes == ("msoftdrop",)


def test_a_target_that_never_changes_is_refused(recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(InputError, match=r"target of the jets in .* all the same"):
        method_of(recipe("regression", {"targets": ["target"]}))


def test_tokens_are_judged_by_their_truth_alone(recipe: Callable[..., Recipe]) -> None:
    method, data = method_of(recipe("tokens", {"truth": "side", "classes": ["below", "above"]}))
    part, packed = one_part(method, data, 8)
    found = method(part)
    inputs = with_tokens(part.inputs, values=part.inputs.tokens.values[..., : len(FIELDS)])
    logits = method.model(inputs).detach()
    tokens = packed.members["constituents"]
    for jet in range(8):
        side = torch.from_numpy(tokens.things.values[tokens.offsets[jet] : tokens.offsets[jet + 1], 10]).long()
        losses = [-logits[jet, place].log_softmax(0)[int(kind)] for place, kind in enumerate(side) if kind >= 0]
        expected = sum(losses) / len(losses) if losses else torch.tensor(0.0)
        torch.testing.assert_close(found["loss"][jet].detach(), expected)


def test_token_classification_learns_and_is_exported(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    head = {"truth": "side", "classes": ["below", "above"]}
    chosen = recipe("tokens", head, seen=3000, lr=1e-2)
    result = pretrain(chosen, tmp_path, show_progress=False)
    assert result.metrics["accuracy"] > 0.75
    model, _ = load_checkpoint(result.best)
    assert model.level == LEVEL
    manifest = export_checkpoint(result.best, tmp_path / "bundle")
    assert manifest.output("token_scores").level == "constituents"
    assert manifest.level.find("constituents").names == FIELDS


def test_pairs_of_tracks_by_their_truth(recipe: Callable[..., Recipe]) -> None:
    method, data = method_of(recipe("pairs", {"truth": ["vertex", "side"], "width": 4}))
    part, packed = one_part(method, data, 6)
    found = method(part)
    logits = method.model(with_tokens(part.inputs, values=part.inputs.tokens.values[..., : len(FIELDS)])).detach()
    tokens = packed.members["constituents"]
    for jet in range(6):
        rows = tokens.things.values[tokens.offsets[jet] : tokens.offsets[jet + 1]]
        losses, right = [], []
        for i in range(len(rows)):
            for j in range(i + 1, len(rows)):
                if rows[i, 4] and rows[j, 4]:
                    together = bool((rows[i, 10:] == rows[j, 10:]).all())
                    chance = logits[jet, i, j].sigmoid()
                    losses.append(-torch.log(chance if together else 1 - chance))
                    right.append(float((chance > 0.5) == together))
        assert found["loss"][jet].item() == pytest.approx(float(sum(losses)) / max(1, len(losses)), rel=1e-4)
        assert found["accuracy"][jet].item() == pytest.approx(sum(right) / max(1, len(right)), abs=1e-6)


def test_pair_classification_trains_and_is_exported(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    result = pretrain(recipe("pairs", {"truth": ["vertex"]}, seen=400), tmp_path, show_progress=False)
    manifest = export_checkpoint(result.best, tmp_path / "bundle")
    assert manifest.output("pair_scores").pairs
    assert manifest.graphs[-1].inputs == ("token_vectors",)


def test_pairs_need_the_charge(recipe: Callable[..., Recipe], make_recipe: MakeRecipe) -> None:
    recipe("pairs", {"truth": ["vertex"]})
    few = make_recipe(inputs={"fields": ["pt", "eta", "phi"]}, backbone={"features": "kinematic"})
    method, data = method_of(few)
    with pytest.raises(RecipeError, match="add charge to their fields in inputs"):
        one_part(method, data, 3)


def test_truth_that_is_not_in_the_shards_is_named(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no constituents\.truthOrigin"):
        pretrain(recipe("tokens", {"truth": "truthOrigin", "classes": ["a", "b"]}), tmp_path, show_progress=False)


def test_a_head_that_does_not_fit_the_method_is_named(recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match="the method tokens needs the head tokens for jets, not regression"):
        recipe("tokens", {"kind": "regression", "targets": ["mass"]})


def test_mean_over_nothing_is_zero() -> None:
    values = torch.tensor([[1.0, 2.0, float("nan")], [3.0, 4.0, 5.0]])
    chosen = torch.tensor([[True, True, False], [False, False, False]])
    assert mean_over(values, chosen).tolist() == [1.5, 0.0]
