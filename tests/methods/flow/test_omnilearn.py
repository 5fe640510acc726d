from __future__ import annotations

from typing import Any

import pytest
import torch
from padded_jets import make_inputs, with_tokens
from random_jets import LEVEL
from random_weights import spread_weights

from coffea_fm.errors import RecipeError
from coffea_fm.methods.flow.jets import JetFlow, JetFlowConfig
from coffea_fm.methods.flow.omnilearn import OmniLearn, OmniLearnConfig
from coffea_fm.nn.backbones.pet2 import PET2Config
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.model import Model

TINY: dict[str, Any] = {"dim": 16, "layers": 1, "heads": 2, "class_layers": 1, "neighbours": 3}


def model_of(**backbone: Any) -> Model:
    torch.manual_seed(0)
    network = PET2Config(**TINY, time=True, **backbone).build(LEVEL)
    model = Model(network, ClassificationHeadConfig().build(LEVEL, network.dim, ("narrow", "wide")))
    spread_weights(model)
    return model


@pytest.fixture(scope="module")
def method() -> OmniLearn:
    method = OmniLearn(OmniLearnConfig(), model_of())
    spread_weights(method.generator)
    return method.eval()


@pytest.fixture(scope="module")
def part() -> Batch:
    return Batch(make_inputs([9, 4, 7], LEVEL, multiple=4), {"target": torch.tensor([0, 1, 1])}, torch.ones(3))


def test_the_loss_is_the_sum_of_its_three_parts(method: OmniLearn, part: Batch) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        found = method(part)
    torch.testing.assert_close(found["loss"], found["classes"] + found["flow"] + found["noised_classes"])
    clean = torch.nn.functional.cross_entropy(method.model(part.inputs), part.columns["target"], reduction="none")
    torch.testing.assert_close(found["classes"], clean.detach())


def test_at_time_0_the_noised_pass_is_the_classifier_and_counts_whole(
    method: OmniLearn, part: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)
    with torch.no_grad():
        start = method(part)
        monkeypatch.setattr(torch, "rand_like", torch.ones_like)
        end = method(part)
    torch.testing.assert_close(start["noised_classes"], start["classes"])
    assert end["noised_classes"].abs().max() == 0.0


def test_the_velocity_follows_a_permutation_and_ignores_padding(method: OmniLearn, part: Batch) -> None:
    found = method.backbone.features(part.inputs)
    time, labels = torch.tensor([0.2, 0.5, 0.9]), torch.tensor([0, 1, 1])
    order = torch.randperm(found.mask.shape[1])
    turned = type(found)(*(array[:, order] for array in found))
    loud = found.kinematics.masked_fill(~found.mask.unsqueeze(-1), 7.0)
    with torch.no_grad():
        before = method.velocity(method.backbone.body(found, time), labels)
        after = method.velocity(method.backbone.body(turned, time), labels)
        padded_loud = method.velocity(method.backbone.body(found._replace(kinematics=loud), time), labels)
        other = method.velocity(method.backbone.body(found, time), 1 - labels)
    torch.testing.assert_close(after, before[:, order], atol=1e-5, rtol=1e-5)
    assert before[~found.mask].abs().max() == 0.0
    torch.testing.assert_close(padded_loud, before, atol=1e-5, rtol=1e-5)
    assert (other - before).abs().max() > 1e-3


def test_a_particle_of_one_gev_has_a_velocity(method: OmniLearn, part: Batch) -> None:
    """OmniLearned takes ln pT = 0 for padding."""
    values = part.inputs.tokens.values.clone()
    values[0, 2, 0] = 1.0
    found = method.backbone.features(with_tokens(part.inputs, values=values))
    with torch.no_grad():
        velocity = method.velocity(method.backbone.body(found, torch.full((3,), 0.5)), part.columns["target"])
    assert found.kinematics[0, 2, 2] == 0.0
    assert velocity[0, 2].abs().max() > 1e-3


def test_feature_groups_are_left_out_for_whole_jets_and_only_in_training() -> None:
    network = model_of(feature_drop=0.5).backbone.eval()
    inputs = make_inputs([6] * 200, LEVEL)
    inputs = inputs._replace(values=inputs.values[:1].expand(200, -1))
    inputs = with_tokens(
        inputs, **{n: getattr(inputs.tokens, n)[:1].expand(200, -1, -1) for n in ("values", "missing")}
    )
    with torch.no_grad():
        same = network(inputs).embedding[:, 0]
        drawn = network.train()(inputs).embedding[:, 0].sort().values
    assert float(same.max() - same.min()) < 1e-5
    # With or without types, with or without impact parameters.
    ends = torch.nonzero(drawn.diff() > 1e-4)[:, 0]
    assert len(ends) == 3
    assert torch.cat((ends[:1], ends.diff())).min() > 25


def test_the_wrong_backbone_is_refused() -> None:
    for config in (PET2Config(**TINY), SetTransformerConfig(dim=8, layers=1, heads=2)):
        with pytest.raises(RecipeError, match="time: true"):
            JetFlow(JetFlowConfig(), Model(config.build(LEVEL)), 0)
