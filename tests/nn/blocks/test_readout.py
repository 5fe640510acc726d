from __future__ import annotations

import torch

from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.blocks.readout import AttentionPooling, LayerMix, mean, summaries

REAL = torch.tensor([[True, True, True, False], [True, False, True, True]])


def test_mean_is_over_real_vectors():
    vectors = torch.randn(2, 4, 5)
    expected = torch.stack([vectors[0, :3].mean(dim=0), vectors[1, [0, 2, 3]].mean(dim=0)])
    torch.testing.assert_close(mean(vectors, REAL), expected)


def test_attention_starts_as_the_mean_and_then_sees_real_vectors_only():
    torch.manual_seed(0)
    pooling = AttentionPooling(6, 2)
    vectors = torch.randn(2, 4, 6)
    assert torch.equal(pooling(vectors, REAL), mean(vectors, REAL))
    torch.nn.init.normal_(pooling.attention.project_out.weight)
    torch.nn.init.normal_(pooling.query)
    found = pooling(vectors, REAL)
    assert (found - mean(vectors, REAL)).abs().max() > 0.1
    other = vectors.masked_fill(~REAL.unsqueeze(-1), 7.0)
    torch.testing.assert_close(pooling(other, REAL), found)


def test_summaries_are_means_and_registers_in_this_order():
    blocks = [torch.randn(2, 4, 3) for _ in range(3)]
    found = summaries(blocks, REAL, 2)
    assert found.shape == (2, 3, 3, 3)
    torch.testing.assert_close(found[:, 1, 0], mean(blocks[1], REAL))
    assert torch.equal(found[:, 2, 2], blocks[2][:, 1])


def test_mixture_goes_from_the_mean_of_all_to_any_one():
    mix = LayerMix(3, 2, 8)
    found = torch.randn(4, 3, 3, 8) * 10
    standardised = (found - found.mean(-1, keepdim=True)) / found.std(-1, keepdim=True, correction=0)
    torch.testing.assert_close(mix(found), standardised.mean(dim=(1, 2)), atol=1e-4, rtol=0)
    with torch.no_grad():
        mix.logits[1, 2] = 50.0
    torch.testing.assert_close(mix(found), standardised[:, 1, 2], atol=1e-4, rtol=0)


def test_every_block_of_an_encoder_can_be_read(level, jets):
    network = SetTransformerConfig(dim=16, heads=2, layers=3, registers=2, embedding="mean").build(level).eval()
    inputs = jets([5, 0, 9])
    found = network.summaries(inputs)
    assert found.shape == (3, 3, 3, 16)
    registers = network.encode(inputs).registers
    torch.testing.assert_close(network.norm(found[:, -1, 1:]), registers)
    torch.testing.assert_close(found[1, :, 0], found[1, :, 1:].mean(dim=1))  # no token: the mean of the registers
