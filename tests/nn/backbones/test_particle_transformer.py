from __future__ import annotations

import logging

import pytest
import torch

from coffea_fm.errors import InputError
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformer, ParticleTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.kinematics import Momenta, pair_features
from coffea_fm.weights.weaver_names import from_weaver_state

SMALL = ParticleTransformerConfig(dim=16, embed=(16,), pair_hidden=(8,), layers=2, class_layers=1, heads=2)


def cartesian(inputs, dtype):
    pt, eta, phi, mass = inputs.tokens.values.double()[..., :4].unbind(-1)
    energy = (pt.square() * eta.cosh().square() + mass.square()).sqrt()
    vectors = torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh(), energy], dim=1)
    return (vectors * inputs.tokens.mask.unsqueeze(1)).to(dtype)


@pytest.fixture(scope="module")
def weaver():
    module = pytest.importorskip("weaver.nn.model.ParticleTransformer")
    logging.getLogger("weaver").setLevel(logging.ERROR)
    torch.manual_seed(1)
    network = module.ParticleTransformer(17, 10, use_pre_activation_pair=False, trim=False)  # as published for JetClass
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
    for name, parameter in network.named_parameters():
        if name.endswith(("c_attn", "w_resid")):
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return network.eval()


@pytest.fixture(scope="module")
def model(weaver, level):
    config = NetworkConfig(
        level=level, backbone=ParticleTransformerConfig(), head=ClassificationHeadConfig(), classes=tuple("abcdefghij")
    )
    model = config.build()
    backbone, head = from_weaver_state(weaver.state_dict())
    model.backbone.load_state_dict(backbone)
    model.head.load_state_dict(head)
    return model.eval()


def test_has_the_published_number_of_parameters(model):
    assert sum(parameter.numel() for parameter in model.parameters()) == 2_143_486


@torch.no_grad()
def test_agrees_with_weaver(weaver, model, jets):
    """The reference computes in double precision: in single, its m² of collinear pairs is rounding noise."""
    inputs = jets([40, 3, 25, 17, 1], multiple=8)
    features = model.backbone.features(inputs).tokens["constituents"].transpose(1, 2)
    expected = weaver.double()(features.double(), cartesian(inputs, torch.float64), inputs.tokens.mask.unsqueeze(1))
    weaver.float()
    assert expected.std() > 0.1
    torch.testing.assert_close(model(inputs).double(), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_agrees_with_weaver_in_single_precision_given_its_pair_features(weaver, model, jets, monkeypatch):
    inputs = jets([40, 3, 25, 17, 1], multiple=8)
    features = model.backbone.features(inputs).tokens["constituents"].transpose(1, 2)
    momenta = torch.stack(model.backbone.features(inputs).momenta, dim=1)

    def ours(a, b):
        return pair_features(Momenta(*a.unbind(1)), Momenta(*b.unbind(1))).movedim(-1, 1)

    monkeypatch.setattr(weaver.pair_embed, "pairwise_lv_fts", ours)
    expected = weaver(features, momenta, inputs.tokens.mask.unsqueeze(1))
    torch.testing.assert_close(model(inputs), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("version", [2, 3])
@torch.no_grad()
def test_later_versions_agree_with_weaver(level, jets, version):
    module = pytest.importorskip("weaver.nn.model.ParticleTransformer")
    theirs = module.ParticleTransformer(17, 10, version=version, num_layers=2, trim=False).eval()
    for layer in theirs.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
        if isinstance(layer, torch.nn.RMSNorm):  # by default, that of the precision
            layer.eps = torch.finfo(torch.float32).eps
    ours = ParticleTransformerConfig(version=version, layers=2, pair_activation=False)
    classes = tuple("abcdefghij")
    network = NetworkConfig(level=level, backbone=ours, head=ClassificationHeadConfig(), classes=classes).build().eval()
    backbone, head = from_weaver_state(theirs.state_dict())
    network.backbone.load_state_dict(backbone)
    network.head.load_state_dict(head)
    inputs = jets([40, 3, 25, 17, 1], multiple=8)
    features = network.backbone.features(inputs).tokens["constituents"].transpose(1, 2)
    mask = inputs.tokens.mask.unsqueeze(1)
    expected = theirs.double()(features.double(), cartesian(inputs, torch.float64), mask)
    assert expected.std() > 0.1
    torch.testing.assert_close(network(inputs).double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_drop_path_skips_updates_in_training_only(level, jets, version):
    config = SMALL.model_copy(update={"version": version, "drop_path": 0.5, "dropout": 0.0})
    network, inputs = ParticleTransformer(config, level), jets([12, 20])
    network.eval()
    torch.testing.assert_close(network(inputs).embedding, network(inputs).embedding)
    network.blocks.train()
    outputs = torch.stack([network(inputs).embedding for _ in range(8)])
    assert (outputs.std(dim=0) > 0).all()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_trains_in_bfloat16(level, jets, version):
    network, inputs = ParticleTransformer(SMALL.model_copy(update={"version": version}), level), jets([12, 20])
    with torch.autocast("cpu", torch.bfloat16):
        network.train()(inputs).embedding.float().square().sum().backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in network.parameters())
    network.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = network(inputs).embedding.float()
    torch.testing.assert_close(low, network(inputs).embedding, atol=0.1, rtol=0)


def test_older_and_wrapped_names_are_understood(weaver):
    state = weaver.state_dict()
    older = {f"mod.{name.replace('in_proj.', 'in_proj_')}": tensor for name, tensor in state.items()}
    assert from_weaver_state(older)[0].keys() == from_weaver_state(state)[0].keys()
    with pytest.raises(InputError, match=r"'sv_embed\.0\.weight' is not a weight"):
        from_weaver_state({"sv_embed.0.weight": torch.zeros(1)})
