"""What every backbone must do, whatever is inside it."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from padded_jets import cut, with_tokens
from random_weights import spread_weights

from coffea_fm.nn.backbones import AnyBackboneConfig, Replacement
from coffea_fm.nn.backbones.lgatr import LGATrConfig, LGATrSlimConfig
from coffea_fm.nn.backbones.lloca import LLoCaConfig
from coffea_fm.nn.backbones.particle_net import ParticleNetConfig
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.pelican import PelicanConfig
from coffea_fm.nn.backbones.pet2 import PET2Config
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig

SET = {"dim": 16, "heads": 2, "layers": 2}
PART = {"dim": 16, "embed": (16,), "pair_hidden": (8,), "heads": 2, "layers": 2, "class_layers": 1}
NET = {"convolutions": ((8, 8), (12, 12)), "neighbours": 4, "hidden": (16,)}
PET = {"dim": 16, "layers": 2, "heads": 2, "class_layers": 1}
CONFIGS = {
    **{f"set-{kind}": SetTransformerConfig(**SET, features=kind) for kind in ("full", "jetclass", "kinematic")},
    **{
        f"set-{kind}-pairs": SetTransformerConfig(**SET, features=kind, pair_bias=True)
        for kind in ("full", "kinematic")
    },
    "set-mean": SetTransformerConfig(**SET, embedding="mean"),
    "set-attention": SetTransformerConfig(**SET, embedding="attention"),
    "set-layers": SetTransformerConfig(**SET, embedding="layers"),
    "set-causal": SetTransformerConfig(**SET, embedding="mean", causal=True),
    "set-causal-rotary-pairs": SetTransformerConfig(
        **SET, embedding="mean", causal=True, positions="rotary", pair_bias=True
    ),
    **{f"set-{kind}": SetTransformerConfig(**SET, positions=kind) for kind in ("sinusoidal", "learned", "rotary")},
    **{f"part-{kind}": ParticleTransformerConfig(**PART, features=kind) for kind in ("full", "jetclass", "kinematic")},
    **{f"part-v{version}": ParticleTransformerConfig(**PART, version=version) for version in (2, 3)},
    **{f"net-{kind}": ParticleNetConfig(**NET, features=kind) for kind in ("full", "jetclass", "kinematic")},
    "net-fusion": ParticleNetConfig(**NET, fusion=True),
    "pet2": PET2Config(**PET),
    "pet2-plain": PET2Config(**PET, pair_bias=False, local_pairs=False, features="kinematic"),
    "pet2-time": PET2Config(**PET, features="identified", time=True),
    "lgatr-slim": LGATrSlimConfig(dim=12, vectors=4, layers=2, heads=2),
    "lgatr-slim-kinematic": LGATrSlimConfig(dim=12, vectors=4, layers=1, heads=2, features="kinematic"),
    **{
        f"lloca-{symmetry}": LLoCaConfig(dim=16, heads=2, layers=2, vectors=1, frames=8, symmetry=symmetry)
        for symmetry in ("beam", "lorentz")
    },
    **{f"pelican-{symmetry}": PelicanConfig(dim=8, layers=2, symmetry=symmetry) for symmetry in ("beam", "lorentz")},
    "lgatr": LGATrConfig(dim=8, vectors=4, layers=2, heads=2),
}
WITHOUT_TOKENS = {"stored"}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def network(request, level):
    if request.param.kind.startswith("lgatr"):
        pytest.importorskip("lgatr")
    network = request.param.build(level).eval()
    spread_weights(network)
    return network


def test_every_kind_of_backbone_is_here():
    union, _ = get_args(AnyBackboneConfig)
    kinds = {config.model_fields["kind"].default for config in get_args(union)}
    assert kinds - WITHOUT_TOKENS == {config.kind for config in CONFIGS.values()}


def test_permutation_of_tokens_permutes_vectors_only(network, jets):
    inputs = jets([15])
    order = torch.randperm(15)
    moved = with_tokens(inputs, values=inputs.tokens.values[:, order], missing=inputs.tokens.missing[:, order])
    before, after = network(inputs), network(moved)
    if getattr(network.config, "causal", False) or getattr(network.config, "positions", "none") != "none":
        assert (after.embedding - before.embedding).abs().max() > 1e-3
        assert (after.token_vectors - before.token_vectors[:, order]).abs().max() > 1e-3
        return
    torch.testing.assert_close(after.embedding, before.embedding, atol=2e-5, rtol=0)
    torch.testing.assert_close(after.token_vectors, before.token_vectors[:, order], atol=2e-5, rtol=0)


def test_a_replacement_is_one_vector_or_one_for_each_token(network, jets):
    inputs = jets([7, 3])
    where = torch.zeros_like(inputs.tokens.mask)
    where[0, 1], where[0, 4], where[1, 0] = True, True, True
    vector = torch.randn(network.dim)
    each = vector.repeat(*where.shape, 1)
    same = network(inputs, Replacement(where, vector)).token_vectors
    torch.testing.assert_close(network(inputs, Replacement(where, each)).token_vectors, same)
    each[0, 4] *= -1.0
    assert not torch.allclose(network(inputs, Replacement(where, each)).token_vectors[0], same[0])


@pytest.mark.parametrize("content", [math.nan, math.inf])
def test_padding_and_neighbours_do_not_matter(network, jets, content):
    lengths = [5, 17, 0, 1, 3]
    together = jets(lengths, multiple=8)
    tokens, empty = together.tokens, ~together.tokens.mask.unsqueeze(-1)
    dirty = with_tokens(together, values=tokens.values.masked_fill(empty, content), missing=tokens.missing | empty)
    clean, output = network(together), network(dirty)
    assert torch.equal(output.embedding, clean.embedding)
    assert torch.equal(output.token_vectors, clean.token_vectors)
    assert output.embedding.isfinite().all()
    for row, length in enumerate(lengths):
        single = network(cut(together, row, length))
        torch.testing.assert_close(output.embedding[row], single.embedding[0], atol=2e-5, rtol=0)
        torch.testing.assert_close(output.token_vectors[row, :length], single.token_vectors[0], atol=2e-5, rtol=0)
        assert torch.all(output.token_vectors[row, length:] == 0)


def test_what_is_not_finite_stays_in_its_jet(network, jets):
    inputs = jets([4, 6, 3])
    before = network(inputs).embedding
    inputs.tokens.values[1, 2, 0] = math.nan
    inputs.values[2, 0] = math.inf
    after = network(inputs).embedding
    torch.testing.assert_close(after[0], before[0])
    assert after[1:].isnan().all()


def test_training_statistics_ignore_padding(network, jets):
    tight, loose = (type(network)(network.config, network.level).train() for _ in range(2))
    loose.load_state_dict(tight.state_dict())
    tight(jets([7, 12]))
    loose(jets([7, 12], multiple=32))
    for (name, a), (_, b) in zip(tight.named_buffers(), loose.named_buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_gradients_are_finite_and_reach_everything(network, jets):
    network.train()
    inputs = jets([6, 0, 14])
    inputs.tokens.values[0, :2, :4] = 0.0
    more = {"time": torch.tensor([0.2, 0.5, 0.7])} if getattr(network.config, "time", False) else {}
    output = network(inputs, **more)
    (output.embedding.square().sum() + output.token_vectors.square().sum()).backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_every_parameter_is_at_one_depth(network):
    groups = network.groups_by_depth()
    for name, _ in network.named_parameters():
        assert 0 <= network.layers_above(name) < len(groups)
