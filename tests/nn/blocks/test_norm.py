from __future__ import annotations

import torch

from coffea_fm.nn.blocks.norm import RMSNorm


def test_small_vectors_in_bfloat16_are_normalised_as_in_single_precision():
    """The epsilon of bfloat16, 0.008, would make them six times too small."""
    norm, x = RMSNorm(64), 0.015 * torch.randn(5, 64)
    torch.testing.assert_close(norm(x.bfloat16()), norm(x), atol=0.02, rtol=0)
    torch.testing.assert_close(norm(x).square().mean(dim=1), torch.ones(5), atol=0.01, rtol=0)
