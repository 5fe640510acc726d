from __future__ import annotations

import pytest
import torch
from padded_jets import make_inputs
from random_jets import LEVEL

from coffea_fm.nn.backbones import BackboneConfig
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.blocks.low_rank import add_low_rank, merged_state

CONFIGS = [
    (SetTransformerConfig(size="tiny"), {"blocks"}),
    (ParticleTransformerConfig(dim=16, embed=(16,), layers=2, class_layers=1, heads=2), {"blocks", "class_blocks"}),
]


@pytest.mark.parametrize(("config", "layers"), CONFIGS, ids=lambda value: getattr(value, "kind", ""))
def test_adapters_stand_in_the_layers_and_add_up(config: BackboneConfig, layers: set[str]) -> None:
    backbone = config.build(LEVEL).eval()
    inputs, names = make_inputs([5, 2], LEVEL), set(backbone.state_dict())
    before = backbone(inputs).embedding
    add_low_rank(backbone, 2, 4.0)
    trained = [name for name, parameter in backbone.named_parameters() if parameter.requires_grad]
    assert {name.partition(".")[0] for name in trained} == layers
    torch.testing.assert_close(backbone(inputs).embedding, before, atol=1e-5, rtol=0)
    for name, parameter in backbone.named_parameters():
        if name in trained:
            torch.nn.init.normal_(parameter, std=0.1)
    merged = config.build(LEVEL).eval()
    assert set(merged_state(backbone)) == names
    merged.load_state_dict(merged_state(backbone))
    torch.testing.assert_close(merged(inputs).embedding, backbone(inputs).embedding, atol=1e-5, rtol=0)
