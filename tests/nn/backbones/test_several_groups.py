"""Backbones that read several groups of tokens: constituents and secondary vertices."""

from __future__ import annotations

import math

import pytest
import torch
from padded_jets import make_inputs
from random_jets import LEVEL

from coffea_fm.nn.backbones import Backbone, BackboneConfig
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.inputs import Inputs, Members
from coffea_fm.tokens import jet_level, token_level

VERTICES = token_level("vertices", ("pt", "eta", "phi", "mass", "d3d"), maximum=4)
BOTH = jet_level((*LEVEL.members, VERTICES), LEVEL.names)
CONFIGS = {
    "set": SetTransformerConfig(size="tiny", embedding="mean"),
    "set-layers-rotary": SetTransformerConfig(size="tiny", embedding="layers", positions="rotary"),
    "set-pairs": SetTransformerConfig(size="tiny", pair_bias=True),
    "particle": ParticleTransformerConfig(dim=16, embed=(16,), pair_hidden=(8,), layers=2, class_layers=1, heads=2),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def config(request: pytest.FixtureRequest) -> BackboneConfig:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def network(config: BackboneConfig) -> Backbone:
    return config.build(BOTH).eval()


def with_vertices(counts: list[int], slots: int = 4) -> Inputs:
    """Jets of 5 constituents each, with so many vertices."""
    jets = make_inputs([5] * len(counts), LEVEL, multiple=8)
    torch.manual_seed(1)
    values = torch.rand(len(counts), 4, 5) + torch.tensor([20.0, 0.0, 0.0, 2.0, 3.0])
    values = torch.nn.functional.pad(values, (0, 0, 0, slots - 4), value=math.nan)
    mask = torch.arange(slots) < torch.tensor(counts).unsqueeze(1)
    vertices = Members(values, mask, torch.zeros(len(counts), slots, 1, dtype=torch.bool))
    return jets._replace(members={**jets.members, "vertices": vertices})


@torch.no_grad()
def test_vertices_matter_and_their_padding_does_not(network: Backbone) -> None:
    found = network(with_vertices([3, 0, 1]))
    wide = network(with_vertices([3, 0, 1], slots=9))
    torch.testing.assert_close(wide.embedding, found.embedding, atol=1e-5, rtol=0)
    torch.testing.assert_close(wide.token_vectors, found.token_vectors, atol=1e-5, rtol=0)
    fewer = network(with_vertices([2, 0, 1]))
    assert (fewer.embedding - found.embedding)[0].abs().max() > 1e-4
    torch.testing.assert_close(fewer.embedding[1:], found.embedding[1:], atol=1e-5, rtol=0)


@torch.no_grad()
def test_token_vectors_are_those_of_the_first_group(network: Backbone) -> None:
    inputs = with_vertices([3, 0])
    vectors = network(inputs).token_vectors
    assert vectors.shape == (2, 8, network.dim)
    assert torch.all(vectors[:, 5:] == 0)
    assert (vectors[:, :5].abs().amax(dim=-1) > 0).all()


def test_a_single_vertex_can_be_trained_on(network: Backbone) -> None:
    network.train()
    output = network(with_vertices([0, 1, 0]))
    (output.embedding.square().sum() + output.token_vectors.square().sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_not_a_number_in_a_vertex_stays_in_its_jet(network: Backbone) -> None:
    inputs = with_vertices([2, 1])
    inputs.members["vertices"].values[0, 1, 4] = math.nan
    embedding = network(inputs).embedding
    assert embedding[0].isnan().all()
    assert embedding[1].isfinite().all()


def test_weights_of_one_group_have_the_names_that_they_always_had(config: BackboneConfig) -> None:
    one, both = config.build(LEVEL).state_dict(), config.build(BOTH).state_dict()
    assert {name for name in both if name not in one} == {name for name in both if name.startswith("embed_others.")}
    assert "embed.0.weight" in one
