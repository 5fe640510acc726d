from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from padded_jets import cut, with_tokens
from random_jets import LEVEL, random_jets
from trainings import assert_same_state, stop_after

from coffea_fm.errors import RecipeError
from coffea_fm.methods.masked.particles import MaskedConfig, MaskedParticleModelling
from coffea_fm.methods.parts.decoders.masked import Predicted
from coffea_fm.methods.parts.masked_jets import MaskedJets, choose_hidden
from coffea_fm.nn.backbones.set_transformer import SetTransformer, SetTransformerConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.tokens import pad
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]
KIND = "masked-particle-modelling"
V1 = {"kind": KIND, "hidden": 0.3, "exclude": False, "targets": {"kmeans": {"codes": 8}}}
V2 = {"kind": KIND, "hidden": 0.4, "decoder": {"dim": 8, "heads": 2}, "targets": {"kmeans": {"codes": 8}, "id": {}}}


def method_of(content: dict[str, Any], **backbone: Any) -> MaskedParticleModelling:
    torch.manual_seed(0)
    config = SetTransformerConfig(dim=16, layers=2, heads=2, **backbone)
    method = MaskedParticleModelling(MaskedConfig.model_validate(content), Model(SetTransformer(config, LEVEL)))
    for parameter in method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return method.double().eval()


@pytest.fixture
def whole() -> Inputs:
    inputs = Inputs.from_arrays(pad(random_jets(12)[0], LEVEL), LEVEL)
    return with_tokens(inputs._replace(values=inputs.values.double()), values=inputs.tokens.values.double())


@pytest.fixture
def hidden(whole: Inputs) -> torch.Tensor:
    return torch.from_numpy(choose_hidden(whole.tokens.mask.numpy(), 0.4, np.random.default_rng(1)))


def predict(method: MaskedParticleModelling, whole: Inputs, hidden: torch.Tensor) -> Predicted:
    return method.predictor(method.model.backbone, MaskedJets.of(whole, hidden, torch.ones(len(whole.tokens.mask))))


def vectors(method: MaskedParticleModelling, whole: Inputs, hidden: torch.Tensor) -> torch.Tensor:
    """The prediction for each hidden particle, in a row."""
    return predict(method, whole, hidden).vectors


@pytest.mark.parametrize("content", [V1, V2], ids=["replaced", "excluded"])
def test_no_prediction_knows_of_hidden_particles(content: dict[str, Any], whole: Inputs, hidden: torch.Tensor) -> None:
    method = method_of(content)
    before = vectors(method, whole, hidden)
    missing = whole.tokens.missing ^ hidden.unsqueeze(-1)
    changed = torch.where(hidden.unsqueeze(-1), whole.tokens.values * 3 + 1, whole.tokens.values)
    after = vectors(method, with_tokens(whole, values=changed, missing=missing), hidden)
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    changed = torch.where(~hidden.unsqueeze(-1), whole.tokens.values * 1.1, whole.tokens.values)
    assert not torch.allclose(vectors(method, with_tokens(whole, values=changed), hidden), before)


@pytest.mark.parametrize("content", [V1, V2], ids=["replaced", "excluded"])
def test_encoder_output_does_not_know_of_hidden_particles(
    content: dict[str, Any], whole: Inputs, hidden: torch.Tensor
) -> None:
    method = method_of(content)
    outputs = []
    backbone = method.model.backbone
    backbone.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    vectors(method, whole, hidden)
    vectors(method, with_tokens(whole, values=torch.where(hidden.unsqueeze(-1), 7.0, whole.tokens.values)), hidden)
    before, after = outputs
    assert torch.equal(before.embedding, after.embedding)
    assert torch.equal(before.token_vectors, after.token_vectors)


@pytest.mark.parametrize("content", [V1, V2], ids=["replaced", "excluded"])
@pytest.mark.parametrize("position", ["subset", "all", "none"])
def test_what_is_told_of_the_order(content: dict[str, Any], position: str, whole: Inputs, hidden: torch.Tensor) -> None:
    """Moving visible particles among each other matters to ``all`` alone, and only if they are told their places."""
    method = method_of(content | {"position": position})
    before = vectors(method, whole, hidden)
    order = torch.arange(whole.tokens.mask.shape[1]).repeat(len(hidden), 1)
    for jet, seen in enumerate(whole.tokens.mask & ~hidden):
        place = seen.nonzero().squeeze(1)
        order[jet, place] = place.flip(0)
    tokens, missing = (
        v.gather(1, order.unsqueeze(-1).expand_as(v)) for v in (whole.tokens.values, whole.tokens.missing)
    )
    after = vectors(method, with_tokens(whole, values=tokens, missing=missing), hidden)
    told = position == "all" and content["kind"] == KIND and content.get("exclude", True)
    assert torch.allclose(before, after, atol=1e-10) != told


@pytest.mark.parametrize("content", [V1, V2], ids=["replaced", "excluded"])
def test_without_order_all_hidden_particles_of_a_jet_get_the_same_prediction(
    content: dict[str, Any], whole: Inputs, hidden: torch.Tensor
) -> None:
    spread = {}
    for position in ("none", "subset"):
        predicted = vectors(method_of(content | {"position": position}), whole, hidden).detach()
        jet = hidden.nonzero()[:, 0]
        longest = int(hidden.sum(dim=1).argmax())
        spread[position] = float(predicted[jet == longest].std(dim=0).max())
    assert spread["none"] < 1e-10
    assert spread["subset"] > 1e-3


def test_subset_position_depends_on_the_order_among_the_hidden_only(whole: Inputs) -> None:
    """The same visible particles and as many hidden ones, elsewhere in the jet, give the same predictions."""
    jet = int(whole.tokens.mask.sum(dim=1).argmax())
    one = cut(whole, jet, whole.tokens.mask.shape[1])
    length = int(one.tokens.mask.sum())
    early, late = (torch.zeros_like(one.tokens.mask) for _ in range(2))
    early[0, 1:4] = True
    late[0, length - 3 : length] = True
    moved = [i for i in range(length) if not early[0, i]] + [1, 2, 3]
    moved += range(length, one.tokens.mask.shape[1])
    same = with_tokens(one, values=one.tokens.values[:, moved], missing=one.tokens.missing[:, moved])
    for position, equal in (("subset", True), ("all", False)):
        method = method_of(V2 | {"position": position})
        assert torch.allclose(vectors(method, one, early), vectors(method, same, late), atol=1e-10) == equal


def test_the_excluded_encoder_sees_only_visible_particles(whole: Inputs, hidden: torch.Tensor) -> None:
    method = method_of(V2)
    seen = []
    method.model.backbone.register_forward_pre_hook(lambda _module, args: seen.append(args[0]))
    vectors(method, whole, hidden)
    assert torch.equal(seen[0].tokens.mask.sum(dim=1), (whole.tokens.mask & ~hidden).sum(dim=1))
    assert seen[0].tokens.mask.shape[1] < whole.tokens.mask.shape[1]


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
def test_positions_of_visible_particles_are_those_in_the_whole_jet(positions: str, whole: Inputs) -> None:
    backbone = method_of(V2, positions=positions).model.backbone
    rows = whole.tokens.mask.sum(dim=1)
    for index, counts in ((torch.full_like(rows, 1), False), (rows - 1, True)):  # after the last particle, none moves
        hidden = torch.zeros_like(whole.tokens.mask)
        hidden[torch.arange(len(rows)), index] = True
        visible = MaskedJets.of(whole, hidden, torch.ones(len(rows))).visible.inputs
        found, counted = backbone(visible).embedding, backbone(with_tokens(visible, place=None)).embedding
        assert torch.allclose(found, counted, atol=1e-9) == counts


def test_the_loss_of_a_jet_is_the_mean_over_its_hidden_particles(whole: Inputs, hidden: torch.Tensor) -> None:
    method = method_of(V2 | {"targets": {"id": {"weight": 0.3}}})
    part = MaskedJets.of(whole, hidden, torch.ones(len(whole.tokens.mask)))
    each = method.targets["id"](predict(method, whole, hidden), part)
    jet = hidden.nonzero()[:, 0]
    got = method(part)
    for index in range(len(hidden)):
        own = each[jet == index]
        expected = 0.3 * float(own.detach().mean()) if len(own) else 0.0
        assert float(got["loss"][index].detach()) == pytest.approx(expected, rel=1e-5)
    assert torch.equal(got["loss"], got["id"])


def test_the_summary_is_the_cross_entropy_of_how_often_each_code_occurs(whole: Inputs, hidden: torch.Tensor) -> None:
    part = MaskedJets.of(whole, hidden, torch.ones(len(whole.tokens.mask)))
    losses = {}
    for summary in (0.0, 0.7):
        method = method_of({"kind": KIND, "targets": {"kmeans": {"codes": 8, "summary": summary}}})
        tokenizer = method.targets["kmeans"].tokenizer
        tokenizer.centres.normal_(generator=torch.Generator().manual_seed(0))
        tokenizer.fields.knots.copy_(torch.linspace(-0.6, 0.6, 512).expand(5, -1))
        losses[summary] = method(part)["loss"].detach()
    target = method.targets["kmeans"]
    logits = target.summary_logits(predict(method, whole, hidden).embedding)
    codes = target.tokenizer.codes(whole)
    for jet, seen in enumerate(whole.tokens.mask):
        if seen.sum() < 2:
            continue
        frequencies = torch.bincount(codes[jet][seen], minlength=8) / seen.sum()
        expected = -0.7 * (frequencies * logits[jet].log_softmax(dim=0)).sum().detach()
        assert (frequencies > 0).sum() > 1 or seen.sum() < 3
        torch.testing.assert_close(losses[0.7][jet] - losses[0.0][jet], expected.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("content", [V1, V2], ids=["replaced", "excluded"])
def test_the_embedding_is_trained(content: dict[str, Any], whole: Inputs, hidden: torch.Tensor) -> None:
    method = method_of(content)
    vectors(method, whole, hidden).square().sum().backward()
    assert method.model.backbone.registers.grad.abs().sum(dim=1).gt(0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": {}}, "there is nothing to predict"),
        ({"exclude": False, "decoder": {}}, "decoder: there is none if hidden particles are replaced"),
        ({"targets": {"kmean": {}}}, "did you mean 'kmeans'"),
        ({"hidden": 1.0}, "method.hidden"),
    ],
)
def test_wrong_recipes_are_refused(make_recipe: MakeRecipe, change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make_recipe(method={"kind": KIND, "targets": {"id": {}}} | change)


def test_a_backbone_that_reveals_replaced_cannot_replace() -> None:
    with pytest.raises(RecipeError, match=r"set method\.exclude: true"):
        method_of(V1, pair_bias=True)


CASES = {
    "kmeans": {"targets": {"kmeans": {"codes": 8}}},
    "kmeans-replaced": {"targets": {"kmeans": {"codes": 8}}, "exclude": False},
    "regression": {"targets": {"regression": {}}},
    "flow": {"targets": {"flow": {"width": 16}}},
    "id": {"targets": {"id": {}}},
}


@pytest.mark.parametrize("case", CASES)
def test_each_target_learns(make_recipe: MakeRecipe, tmp_path: Path, case: str) -> None:
    training = {"seen": 1600, "validate_every": 800, "augmentation": {}, "ema": 0.8}
    result = pretrain(
        make_recipe(method={"kind": KIND} | CASES[case], training=training), tmp_path, show_progress=False
    )
    assert result.finished
    with (result.folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["validation_loss"]) for row in rows if row["validation_loss"]]
    assert min(losses) < float(rows[0]["train_loss"])


@pytest.mark.parametrize("steps", [1, 7])
def test_interrupted_run_resumes_to_the_same_bits(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    method = V2 | {"targets": {"kmeans": {"codes": 8}, "flow": {"width": 8}, "id": {}}}
    recipe = make_recipe(method=method, training={"seen": 500})
    pretrain(recipe, tmp_path / "whole", show_progress=False)
    with monkeypatch.context() as patch:
        stop_after(steps, patch)
        assert not pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    assert pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    assert_same_state(tmp_path / "whole", tmp_path / "broken")
