from __future__ import annotations

import numpy as np
import torch
from random_jets import LEVEL, random_jets
from torch import nn

from coffea_fm.methods.parts.views.joint import embed, padded_views
from coffea_fm.methods.parts.views.rotation import Rotation
from coffea_fm.nn.backbones.set_transformer import SetTransformer, SetTransformerConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.inputs import BackboneOutput, Inputs
from coffea_fm.tokens import Packed


class SumPt(nn.Module):
    """Embeds a jet as its pt, and the sum of its tokens' pt."""

    def forward(self, inputs: Inputs) -> BackboneOutput:
        pt = (inputs.tokens.values[..., 0] * inputs.tokens.mask).sum(dim=1)
        return BackboneOutput(torch.stack((inputs.values[:, 0], pt), dim=1), inputs.tokens.values)


def joint(packed: Packed, versions: list[Packed], micro_tokens: int = 400):  # type: ignore[no-untyped-def]
    weight = np.arange(len(packed), dtype=np.float32)
    examples = Examples(packed, {"target": np.arange(len(packed))}, weight)
    return padded_views(examples, [versions], LEVEL, micro_tokens, "cpu")


def test_embeddings_come_back_in_the_order_of_the_jets() -> None:
    packed, _ = random_jets(100)
    reverse = packed.take(np.arange(100)[::-1])
    part = joint(packed, [packed, reverse])
    (groups,) = part.views
    assert len(groups) > 3
    for found, version in zip(embed(SumPt(), groups, 100).numpy(), (packed, reverse), strict=True):
        tokens = version.members["constituents"]
        np.testing.assert_array_equal(found[:, 0], version.values[:, 0])
        np.testing.assert_allclose(
            found[:, 1], np.add.reduceat(tokens.things.values[:, 0], tokens.offsets[:-1]), rtol=1e-5
        )
    np.testing.assert_array_equal(part.weight.numpy(), np.arange(100))
    np.testing.assert_array_equal(part.columns["target"].numpy(), np.arange(100))


def test_gradients_go_through_the_right_jets() -> None:
    packed, _ = random_jets(40)
    torch.manual_seed(0)
    backbone = SetTransformer(SetTransformerConfig(dim=16, layers=1, heads=2), LEVEL)
    small, large = (
        joint(packed, [Rotation()(packed, LEVEL, np.random.default_rng(0))], micro) for micro in (300, 10**6)
    )
    gradients = []
    for part in (small, large):
        backbone.zero_grad()
        (embed(backbone, part.views[0], 40)[0] * torch.arange(40.0)[:, None]).sum().backward()
        gradients.append(backbone.registers.grad.clone())
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-3)
