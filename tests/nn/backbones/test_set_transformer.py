from __future__ import annotations

import pytest
import torch
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


def test_tokens_and_jet_matter(network, jets):
    inputs = jets([8])
    before = network(inputs).embedding
    inputs.tokens.values[0, 3, 0] *= 2
    assert (network(inputs).embedding - before).abs().max() > 1e-4


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
