from __future__ import annotations

import pytest
import torch
from random_jets import CLASSES, LEVEL, random_jets

from coffea_fm.nn.backbones.code_transformer import CodeTransformerConfig
from coffea_fm.nn.backbones.particle_net import ParticleNetConfig
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Packed

CONFIGS = {
    "set": SetTransformerConfig(size="tiny"),
    "set-pairs": SetTransformerConfig(size="tiny", pair_bias=True),
    "set-causal-rotary": SetTransformerConfig(size="tiny", embedding="mean", causal=True, positions="rotary"),
    "set-sinusoidal-attention": SetTransformerConfig(size="tiny", embedding="attention", positions="sinusoidal"),
    "set-learned-layers": SetTransformerConfig(size="tiny", embedding="layers", positions="learned"),
    "codes": CodeTransformerConfig(dim=16, layers=1, heads=2, encoder=SetTransformerConfig(size="tiny"), codes=64),
    "part": ParticleTransformerConfig(dim=16, embed=(16,), pair_hidden=(8,), layers=2, class_layers=1, heads=2),
    "part-3": ParticleTransformerConfig(
        dim=16, embed=(16,), pair_hidden=(8,), layers=2, class_layers=1, heads=2, version=3, pair_activation=False
    ),
    "net": ParticleNetConfig(convolutions=((16, 16), (32, 32)), neighbours=6, hidden=(32,), fusion=True),
}


def build(config) -> Model:
    torch.manual_seed(0)
    network = NetworkConfig(level=LEVEL, backbone=config, head=ClassificationHeadConfig(), classes=CLASSES)
    return network.build().eval()


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def model(request) -> Model:
    return build(request.param)


@pytest.fixture(scope="session")
def tiny() -> Model:
    return build(CONFIGS["set"])


@pytest.fixture(scope="session")
def jets() -> Packed:
    return random_jets(50)[0]
