"""Causal attention and positions of the set transformer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from padded_jets import make_jets, with_tokens
from pydantic import ValidationError
from random_weights import spread_weights

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.blocks.attention import Attention
from coffea_fm.nn.blocks.positions import Rotation, phases, sinusoidal
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import jet_level, pad, token_level

SIZE: dict[str, Any] = {"dim": 16, "heads": 2, "layers": 3, "embedding": "mean"}
KINDS = ("none", "sinusoidal", "learned", "rotary")


def build(level, **options):
    network = SetTransformerConfig(**(SIZE | options)).build(level).eval()
    spread_weights(network)
    return network


@pytest.mark.parametrize("positions", KINDS)
@pytest.mark.parametrize("pair_bias", [False, True])
def test_causal_tokens_and_registers_do_not_see_later_ones(level, jets, positions, pair_bias):
    network = build(level, causal=True, positions=positions, pair_bias=pair_bias)
    inputs = jets([11])
    before, embedding = network.encode(inputs), network(inputs).embedding
    for changed in range(11):
        values = inputs.tokens.values.clone()
        values[0, changed, :3] *= 1.3
        after = network.encode(with_tokens(inputs, values=values))
        assert torch.equal(after.registers, before.registers)
        assert torch.equal(after.tokens[:, :changed], before.tokens[:, :changed])
        differences = (after.tokens - before.tokens).abs().amax(dim=(0, 2))
        assert (differences[changed:] > 1e-6).all()
        assert (network(with_tokens(inputs, values=values)).embedding - embedding).abs().max() > 1e-5


def test_causal_first_tokens_are_those_of_a_shorter_jet(level, jets):
    network = build(level, causal=True, positions="rotary")
    inputs = jets([11])
    mask = torch.arange(11).unsqueeze(0) < 4
    shorter = network.encode(with_tokens(inputs, mask=mask)).tokens
    torch.testing.assert_close(shorter[:, :4], network.encode(inputs).tokens[:, :4], atol=1e-6, rtol=0)


def test_one_network_runs_both_ways(level, jets):
    causal, both = build(level, causal=True), build(level)
    both.load_state_dict(causal.state_dict())
    inputs = jets([7, 3])
    for left, right in zip(both.encode(inputs, causal=True)[:3], causal.encode(inputs)[:3], strict=True):
        assert torch.equal(left, right)
    assert torch.equal(causal.encode(inputs, causal=False).tokens, both(inputs).token_vectors)
    assert not torch.equal(both(inputs).token_vectors, causal(inputs).token_vectors)


@pytest.mark.parametrize("positions", KINDS[1:])
def test_place_is_the_position(level, jets, positions):
    """A jet whose first particles were left out is the end of the jet, if its places are given."""
    network = build(level, positions=positions)
    inputs = jets([9, 6])
    order = torch.stack([torch.randperm(9), torch.cat((torch.randperm(6), torch.arange(6, 9)))])
    parts = {
        name: array.gather(1, order.unsqueeze(-1).expand(-1, -1, array.shape[-1]))
        for name, array in (("values", inputs.tokens.values), ("missing", inputs.tokens.missing))
    }
    moved = with_tokens(inputs, **parts, mask=inputs.tokens.mask.gather(1, order), place=order)
    before, after = network(inputs), network(moved)
    torch.testing.assert_close(after.embedding, before.embedding, atol=2e-5, rtol=0)
    expected = before.token_vectors.gather(1, order.unsqueeze(-1).expand(-1, -1, 16))
    torch.testing.assert_close(after.token_vectors, expected, atol=2e-5, rtol=0)


def test_visible_particles_keep_their_places(level):
    whole = Inputs.from_arrays(pad(make_jets([8]), level), level)
    hidden = torch.zeros_like(whole.tokens.mask)
    hidden[0, [0, 3, 4]] = True
    visible = MaskedJets.of(whole, hidden, torch.ones(1)).visible
    place = visible.inputs.tokens.place
    assert place is not None
    assert place[0, :5].tolist() == [1, 2, 5, 6, 7]


def test_rotary_attention_depends_on_differences_of_positions_only():
    attention = Attention(24, 3)
    rows, bias = torch.randn(2 * 6, 24), torch.zeros(1, 1, 1, 6)
    positions = torch.tensor([[0, 3, 4, 9, 11, 30], [5, 2, 1, 0, 8, 7]])
    mixed, shifted, other = (
        attention(rows, (2, 6), bias, rotation=Rotation.of(given, 8))
        for given in (positions, positions + 17, 2 * positions)
    )
    torch.testing.assert_close(shifted, mixed, atol=1e-5, rtol=0)
    assert (other - mixed).abs().max() > 1e-3
    same = attention(rows, (2, 6), bias, rotation=Rotation.of(torch.full((1, 6), 4), 8))
    torch.testing.assert_close(same, attention(rows, (2, 6), bias), atol=1e-5, rtol=0)


def test_waves_have_the_published_frequencies():
    waves = sinusoidal(torch.tensor([0, 5]), 8)
    expected = 5 / 10_000 ** (np.arange(4) / 4)
    np.testing.assert_allclose(phases(torch.tensor(5), 4), expected, rtol=1e-6)
    np.testing.assert_allclose(waves[0], [0, 0, 0, 0, 1, 1, 1, 1], atol=1e-7)
    np.testing.assert_allclose(waves[1], np.concatenate([np.sin(expected), np.cos(expected)]), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"causal": True, "embedding": "register"}, "registers of a causal encoder see no particle"),
        ({"positions": "rotary", "dim": 6, "heads": 2}, "even dim / heads, and it is 3"),
        ({"positions": "sinusoidal", "dim": 9, "heads": 3}, "even dim, and it is 9"),
        ({"positions": "rotory"}, "rotary"),
    ],
)
def test_impossible_switches_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        SetTransformerConfig(**(SIZE | options))


def test_levels_without_an_order_or_a_limit_are_refused(level):
    two = jet_level((*level.members, token_level("vertices", ("pt", "eta", "phi", "mass"), maximum=4)), level.names)
    with pytest.raises(RecipeError, match="no common order among constituents, vertices"):
        SetTransformerConfig(**SIZE, causal=True).build(two)
    endless = jet_level((replace(level.members[0], maximum=None),), level.names)
    with pytest.raises(RecipeError, match=r"set inputs\.max_tokens"):
        SetTransformerConfig(**SIZE, positions="learned").build(endless)
