from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from coffea_fm.nn.backbones.particle_transformer import ParticleTransformer
from coffea_fm.nn.backbones.set_transformer import SetTransformer
from coffea_fm.nn.build import BackboneConfig, build_backbone, build_model
from coffea_fm.nn.heads.classification import ClassificationHeadConfig

BACKBONES = TypeAdapter(BackboneConfig)


@pytest.mark.parametrize(
    ("kind", "network"), [("set-transformer", SetTransformer), ("particle-transformer", ParticleTransformer)]
)
def test_kind_chooses_the_network(kind, network, spec):
    assert isinstance(build_backbone(BACKBONES.validate_python({"kind": kind}), spec), network)


def test_unknown_kinds_and_options_are_refused():
    with pytest.raises(ValidationError, match="set-transformer"):
        BACKBONES.validate_python({"kind": "perceptron"})
    with pytest.raises(ValidationError, match="depth"):
        BACKBONES.validate_python({"kind": "set-transformer", "depth": 3})


def test_model_gives_a_logit_a_class(spec, jets):
    config = BACKBONES.validate_python({"kind": "set-transformer", "size": "tiny"})
    model = build_model(config, ClassificationHeadConfig(hidden=(8,), dropout=0.5), spec, 10).eval()
    inputs = jets([5, 0, 2])
    logits = model(inputs)
    assert logits.shape == (3, 10)
    assert torch.equal(logits, model.head(model.backbone(inputs).embedding))


def test_same_seed_same_weights(spec):
    config = BACKBONES.validate_python({"kind": "particle-transformer", "dim": 16, "heads": 2, "layers": 1})
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build_backbone(config, spec).state_dict())
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name
