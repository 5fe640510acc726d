"""Velocity, logits and losses of the flow against numbers that OmniLearned's package gave."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from omnilearned_weights import LENGTHS, draws, weights
from padded_jets import make_inputs
from random_jets import LEVEL

from coffea_fm.methods.flow.omnilearn import OmniLearn, OmniLearnConfig
from coffea_fm.methods.parts.flow_matching import flow
from coffea_fm.nn.batches import Batch
from coffea_fm.weights.omnilearned import read_omnilearned
from coffea_fm.weights.omnilearned_names import from_generator_state
from coffea_fm.weights.options import OmniLearnedOptions

REFERENCE = np.load(Path(__file__).parents[2] / "weights" / "omnilearned.npz")
SHAPES = json.loads(str(REFERENCE["about"]))["shapes"]


@pytest.fixture(params=["published", "pairs"], scope="module")
def flags(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def method(flags: str) -> OmniLearn:
    content = {part: weights(SHAPES[f"{flags}/{part}"]) for part in ("body", "classifier_head", "generator_head")}
    model, _ = read_omnilearned(content, OmniLearnedOptions(max_tokens=16))
    method = OmniLearn(OmniLearnConfig(), model)
    method.generator.load_state_dict(from_generator_state(content["generator_head"]))
    return method.eval()


@pytest.fixture(scope="module")
def part() -> Batch:
    inputs = make_inputs(LENGTHS, LEVEL, multiple=8)
    label, _, _ = draws((len(LENGTHS), 16, 4))
    return Batch(inputs, {"target": label}, torch.ones(len(LENGTHS)))


def test_the_velocity_and_the_noised_logits_are_those_of_the_package(
    method: OmniLearn, part: Batch, flags: str
) -> None:
    found = method.backbone.features(part.inputs)
    label, time, numbers = draws(tuple(found.kinematics.shape))
    mixed, _ = flow(found.kinematics, method.noise(numbers, found.mask), time[:, None, None])
    with torch.no_grad():
        body = method.backbone.body(found._replace(kinematics=mixed), time)
        velocity, logits = method.velocity(body, label), method.model.head(method.backbone.embedding(body))
    assert REFERENCE[f"{flags}/velocity"].std() > 0.1
    np.testing.assert_allclose(velocity, REFERENCE[f"{flags}/velocity"], atol=2e-5, rtol=0)
    np.testing.assert_allclose(logits, REFERENCE[f"{flags}/noised_logits"], atol=2e-5, rtol=0)


def test_the_losses_are_those_of_the_package(
    method: OmniLearn, part: Batch, flags: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, time, numbers = draws((len(LENGTHS), 16, 4))
    monkeypatch.setattr(torch, "rand_like", lambda _like: time)
    monkeypatch.setattr(torch, "randn_like", lambda _like: numbers)
    with torch.no_grad():
        losses = method(part)
    assert float(losses["flow"].mean()) == pytest.approx(REFERENCE[f"{flags}/flow_loss"].item(), rel=1e-5)
    assert float(losses["loss"].mean()) == pytest.approx(REFERENCE[f"{flags}/loss"].item(), rel=1e-5)


def test_the_generator_has_as_many_parameters_as_that_of_the_package(method: OmniLearn, flags: str) -> None:
    number = sum(parameter.numel() for parameter in method.generator.parameters())
    assert number == REFERENCE[f"{flags}/generator_parameters"]
