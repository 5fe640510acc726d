from __future__ import annotations

import math

import pytest
import torch
from padded_jets import cut, with_tokens
from pydantic import ValidationError

from coffea_fm.nn.backbones.set_transformer import SetTransformer, SetTransformerConfig

CONFIGS = [
    SetTransformerConfig(dim=16, heads=2, layers=2, pair_bias=pair_bias, features=features)
    for pair_bias in (False, True)
    for features in ("full", "jetclass", "kinematic")
]
CONFIGS.append(SetTransformerConfig(dim=16, heads=2, layers=2, embedding="mean"))
CONFIG_NAMES = [f"{config.features}{'-pairs' if config.pair_bias else ''}-{config.embedding}" for config in CONFIGS]


@pytest.fixture(params=CONFIGS, ids=CONFIG_NAMES)
def network(request, level):
    return SetTransformer(request.param, level).eval()


def test_permutation_of_tokens_permutes_vectors_only(network, jets):
    inputs = jets([9])
    order = torch.randperm(9)
    moved = with_tokens(inputs, values=inputs.tokens.values[:, order], missing=inputs.tokens.missing[:, order])
    before, after = network(inputs), network(moved)
    torch.testing.assert_close(after.embedding, before.embedding, atol=1e-5, rtol=0)
    torch.testing.assert_close(after.token_vectors, before.token_vectors[:, order], atol=1e-5, rtol=0)


def test_padding_and_neighbours_do_not_matter(network, jets):
    lengths = [5, 17, 0, 1]
    together = jets(lengths, multiple=8)
    tokens, empty = together.tokens, ~together.tokens.mask.unsqueeze(-1)
    dirty = with_tokens(together, values=tokens.values.masked_fill(empty, math.inf), missing=tokens.missing | empty)
    clean, output = network(together), network(dirty)
    assert torch.equal(output.embedding, clean.embedding)
    assert torch.equal(output.token_vectors, clean.token_vectors)
    for row, length in enumerate(lengths):
        single = network(cut(together, row, length))
        torch.testing.assert_close(output.embedding[row], single.embedding[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(output.token_vectors[row, :length], single.token_vectors[0], atol=1e-5, rtol=0)
        assert torch.all(output.token_vectors[row, length:] == 0)


def test_not_a_number_stays_in_its_jet(network, jets):
    inputs = jets([4, 6, 3])
    before = network(inputs).embedding
    inputs.tokens.values[1, 2, 0] = math.nan
    inputs.values[2, 0] = math.inf
    after = network(inputs).embedding
    assert torch.equal(after[0], before[0])
    assert after[1:].isnan().all()


def test_tokens_and_jet_matter(network, jets):
    inputs = jets([8])
    before = network(inputs).embedding
    inputs.tokens.values[0, 3, 0] *= 2
    assert (network(inputs).embedding - before).abs().max() > 1e-4


def test_gradients_are_finite_and_reach_everything(network, jets):
    network.train()
    inputs = jets([6, 0, 11])
    inputs.tokens.values[0, :2, :4] = 0.0
    output = network(inputs)
    (output.embedding.square().sum() + output.token_vectors.square().sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_bfloat16_is_near_single_precision(network, jets):
    inputs = jets([6, 0, 11])
    with torch.autocast("cpu", torch.bfloat16):
        low = network(inputs).embedding
    torch.testing.assert_close(low.float(), network(inputs).embedding, atol=0.1, rtol=0)


def test_heads_must_divide_dim():
    with pytest.raises(ValidationError, match="not a multiple"):
        SetTransformerConfig(dim=20, heads=8)


def test_size_sets_what_is_not_given(level):
    assert SetTransformerConfig(size="base").dim == 128
    config = SetTransformerConfig(size="tiny", layers=3)
    assert (config.dim, config.layers, config.heads) == (32, 3, 2)
    assert SetTransformerConfig.model_validate(config.model_dump()) == config
    counts = [
        sum(parameter.numel() for parameter in SetTransformer(SetTransformerConfig(size=size), level).parameters())
        for size in ("tiny", "small", "base", "large")
    ]
    assert counts == sorted(counts)
    assert 100_000 < counts[1] < 400_000
