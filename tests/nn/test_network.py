from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from coffea_fm.nn.backbones import AnyBackboneConfig
from coffea_fm.nn.backbones.backbone import Replacement
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformer
from coffea_fm.nn.backbones.set_transformer import SetTransformer
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig

BACKBONES = TypeAdapter(AnyBackboneConfig)
SMALL = [
    {"kind": "set-transformer", "size": "tiny", "layers": 3, "pair_bias": True},
    {"kind": "particle-transformer", "dim": 16, "heads": 2, "layers": 3, "class_layers": 1},
]


@pytest.mark.parametrize(
    ("kind", "network"), [("set-transformer", SetTransformer), ("particle-transformer", ParticleTransformer)]
)
def test_kind_chooses_the_network(kind, network, level):
    assert isinstance(BACKBONES.validate_python({"kind": kind}).build(level), network)


def test_unknown_kinds_and_options_are_refused():
    with pytest.raises(ValidationError, match="set-transformer"):
        BACKBONES.validate_python({"kind": "perceptron"})
    with pytest.raises(ValidationError, match="depth"):
        BACKBONES.validate_python({"kind": "set-transformer", "depth": 3})


def test_model_gives_a_logit_a_class(level, jets):
    head = ClassificationHeadConfig(hidden=(8,), dropout=0.5)
    config = NetworkConfig(level=level, backbone=BACKBONES.validate_python(SMALL[0]), head=head, classes=tuple("abcd"))
    model = config.build().eval()
    inputs = jets([5, 0, 2])
    logits = model(inputs)
    assert logits.shape == (3, 4)
    assert torch.equal(logits, model.head(model.backbone(inputs).embedding))
    known = inputs._replace(members={}, known={"embedding": model.backbone(inputs).embedding})
    assert torch.equal(model(known), logits)


def test_same_seed_same_weights(level):
    config = BACKBONES.validate_python(SMALL[1])
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(config.build(level).state_dict())
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


@pytest.mark.parametrize("config", SMALL, ids=lambda config: config["kind"])
def test_every_parameter_has_a_depth(config, level):
    backbone = BACKBONES.validate_python(config).build(level)
    depths = {name: backbone.layers_above(name) for name, _ in backbone.named_parameters()}
    assert len(backbone.groups_by_depth()) == 5
    assert {depth for name, depth in depths.items() if name.startswith("blocks.0.")} == {3}
    assert {depth for name, depth in depths.items() if name.startswith("blocks.2.")} == {1}
    assert {depth for name, depth in depths.items() if name.startswith(("norm.", "class_"))} == {0}
    assert {depth for name, depth in depths.items() if name.startswith(("embed", "pair_bias", "registers"))} == {4}
    with pytest.raises(KeyError):
        backbone.layers_above("block.0")


@pytest.mark.parametrize("config", SMALL, ids=lambda config: config["kind"])
def test_replaced_tokens_are_seen_as_the_vector_only(config, level, jets):
    """With a pair bias, features of their pairs are read still."""
    config = {**config, "pair_bias": False} if "pair_bias" in config else config
    backbone = BACKBONES.validate_python(config).build(level).eval()
    inputs = jets([6])
    where = torch.tensor([[False, True, False, False, True, False]])
    replace = Replacement(where, torch.randn(backbone.dim))
    found = backbone(inputs, replace).token_vectors
    assert (found - backbone(inputs).token_vectors).abs().max() > 1e-3
    inputs.tokens.values[0, 1, 4:] = 7.0  # charge and what follows: no pair feature reads it
    assert torch.equal(backbone(inputs, replace).token_vectors, found)
