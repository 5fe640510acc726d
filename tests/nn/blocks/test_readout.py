from __future__ import annotations

import torch

from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.blocks.readout import AttentionPooling, Encoded, LayerMix, mean, summaries

REAL = torch.tensor([[True, True, True, False], [True, False, True, True]])


def test_mean_is_over_real_vectors():
    vectors = torch.randn(2, 4, 5)
    expected = torch.stack([vectors[0, :3].mean(dim=0), vectors[1, [0, 2, 3]].mean(dim=0)])
    torch.testing.assert_close(mean(vectors, REAL), expected)


def encoded(vectors, blocks=()):
    """One register and three tokens of each set; empty slots are 0."""
    tokens = vectors[:, 1:].masked_fill(~REAL[:, 1:].unsqueeze(-1), 0.0)
    return Encoded(vectors[:, :1], tokens, REAL[:, 1:], tuple(blocks))


def test_attention_starts_as_the_mean_and_then_sees_real_vectors_only():
    torch.manual_seed(0)
    pooling = AttentionPooling(6, 2)
    vectors = torch.randn(2, 4, 6)
    given = encoded(vectors)
    torch.testing.assert_close(pooling(given), mean(vectors, REAL))
    torch.nn.init.normal_(pooling.attention.project_out.weight)
    torch.nn.init.normal_(pooling.query)
    fewer = Encoded(given.registers[:1], given.tokens[:1, :2], given.mask[:1, :2])
    found = pooling(given)
    assert (found - mean(vectors, REAL)).abs().max() > 0.1
    torch.testing.assert_close(pooling(fewer)[0], found[0])


def test_summaries_are_means_and_registers_in_this_order():
    blocks = [torch.randn(2, 4, 3) for _ in range(3)]
    found = summaries(encoded(blocks[-1], blocks))
    assert found.shape == (2, 3, 2, 3)
    torch.testing.assert_close(found[:, 1, 0], mean(blocks[1], REAL))
    assert torch.equal(found[:, 2, 1], blocks[2][:, 0])


def test_mixture_goes_from_the_mean_of_all_to_any_one():
    mix = LayerMix(3, 2, 8)
    found = torch.randn(4, 3, 3, 8) * 10
    standardised = (found - found.mean(-1, keepdim=True)) / found.std(-1, keepdim=True, correction=0)
    torch.testing.assert_close(mix.mix(found), standardised.mean(dim=(1, 2)), atol=1e-4, rtol=0)
    with torch.no_grad():
        mix.logits[1, 2] = 50.0
    torch.testing.assert_close(mix.mix(found), standardised[:, 1, 2], atol=1e-4, rtol=0)


def test_every_block_of_an_encoder_can_be_read(level, jets):
    network = SetTransformerConfig(dim=16, heads=2, layers=3, registers=2, embedding="mean").build(level).eval()
    inputs = jets([5, 0, 9])
    found = network.summaries(inputs)
    assert found.shape == (3, 3, 3, 16)
    registers = network.encode(inputs).registers
    torch.testing.assert_close(network.norm(found[:, -1, 1:]), registers)
    torch.testing.assert_close(found[1, :, 0], found[1, :, 1:].mean(dim=1))  # no token: the mean of the registers
