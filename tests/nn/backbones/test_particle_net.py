from __future__ import annotations

import logging

import pytest
import torch
from padded_jets import with_tokens

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones import Replacement
from coffea_fm.nn.backbones.particle_net import ParticleNet, ParticleNetConfig
from coffea_fm.nn.blocks.edge_conv import nearest
from coffea_fm.nn.blocks.low_rank import add_low_rank
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.weights.weaver_names import from_weaver_particle_net

SMALL = ParticleNetConfig(convolutions=((8, 8), (12, 12)), neighbours=4, hidden=(16,))


def weaver_network(n_features, seed=1, **options):
    """Weaver's network with random weights and statistics; as for JetClass by default."""
    module = pytest.importorskip("weaver.nn.model.ParticleNet")
    logging.getLogger("weaver").setLevel(logging.ERROR)
    torch.manual_seed(seed)
    given = {"conv_params": [(16, (64,) * 3), (16, (128,) * 3), (16, (256,) * 3)], "fc_params": [(256, 0.1)]}
    network = module.ParticleNet(n_features, 10, **(given | {"use_fusion": False} | options), trim=False)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
    return network.eval()


def ours(config, level, weaver):
    network = NetworkConfig(level=level, backbone=config, head=ClassificationHeadConfig(), classes=tuple("abcdefghij"))
    model = network.build()
    backbone, head = from_weaver_particle_net(weaver.state_dict())
    model.backbone.load_state_dict(backbone)
    model.head.load_state_dict(head)
    return model.eval()


def weaver_scores(weaver, model, inputs):
    """Weaver's logits for our features of the same jets."""
    features = model.backbone.features(inputs).tokens["constituents"].transpose(1, 2)
    points = features[:, model.backbone.coordinates]
    return weaver(points, features, inputs.tokens.mask.unsqueeze(1))


@pytest.mark.parametrize(
    ("features", "n_features", "options", "changes", "n_parameters"),
    [
        ("jetclass", 17, {}, {}, 370_156),
        ("jetclass-kinpid", 13, {}, {}, None),
        ("jetclass-kin", 7, {}, {}, None),
        (
            "jetclass",
            17,
            {"conv_params": [(7, (32, 32)), (7, (64, 64))], "fc_params": [(96, 0.1), (48, 0.1)], "use_fusion": True},
            {"convolutions": ((32, 32), (64, 64)), "neighbours": 7, "hidden": (96, 48), "fusion": True},
            None,
        ),
    ],
)
@torch.no_grad()
def test_agrees_with_weaver(level, jets, features, n_features, options, changes, n_parameters):
    weaver = weaver_network(n_features, **options)
    model = ours(ParticleNetConfig(features=features, **changes), level, weaver)
    inputs = jets([40, 3, 25, 17, 16, 1], multiple=8)
    expected = weaver_scores(weaver, model, inputs)
    assert expected.std() > 0.01
    torch.testing.assert_close(model(inputs), expected, atol=1e-5, rtol=0)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == sum(parameter.numel() for parameter in weaver.parameters())
    assert n_parameters in (None, count)


def test_nearest_is_never_the_token_itself_nor_an_empty_slot_if_there_are_others():
    points = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [0.0, 0.0]]])
    mask = torch.tensor([[True, True, True, True, False]])
    found = nearest(points, points, mask, 4)[0]
    assert found[0, :3].tolist() == [1, 2, 3]
    assert found[1, :3].tolist() == [0, 2, 3]
    assert (found[:4, 3] >= 4).all()


def test_order_of_tokens_does_not_decide_between_equally_near_ones():
    points, vectors = torch.zeros(1, 6, 2), torch.randn(1, 6, 3)
    order = torch.randperm(6)
    mask = torch.ones(1, 6, dtype=torch.bool)
    before, after = nearest(points, vectors, mask, 2)[0], nearest(points, vectors[:, order], mask, 2)[0]
    torch.testing.assert_close(order[after], before[order])


def test_training_and_evaluation_compute_the_same(level, jets):
    """With statistics that are those of the batch."""
    network = ParticleNet(SMALL.model_copy(update={"fusion": True}), level)
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm1d):
            norm.momentum = 1.0
    inputs = jets([30, 22, 41, 17])
    trained = network.train()(inputs).embedding
    evaluated = network.eval()(inputs).embedding
    torch.testing.assert_close(evaluated, trained, atol=0.02, rtol=0.02)  # running variances are unbiased


def test_replaced_tokens_hide_their_features(level, jets):
    network = ParticleNet(SMALL, level).eval()
    inputs = jets([12])
    where = torch.zeros(1, 12, dtype=torch.bool)
    where[0, 3] = True
    changed = with_tokens(inputs, values=inputs.tokens.values.clone())
    changed.tokens.values[0, 3, 0] *= 2
    hide = Replacement(where, torch.ones(network.dim))
    torch.testing.assert_close(network(changed, hide).embedding, network(inputs, hide).embedding)
    assert not torch.allclose(network(changed).embedding, network(inputs).embedding)


def test_depth_and_low_rank(level):
    network = ParticleNet(SMALL, level)
    depths = {name: network.layers_above(name) for name, _ in network.named_parameters()}
    assert depths["norm.weight"] == 3
    assert depths["convolutions.1.layers.0.linear.weight"] == 1
    assert depths["hidden.0.weight"] == 0
    add_low_rank(network, 2, 4.0)
    trained = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    assert len(trained) == 2 * 7


def test_several_groups_are_refused(level):
    two = level.__class__("jet", level.fields, (*level.members, level.members[0]))
    with pytest.raises(RecipeError, match="one group of tokens"):
        ParticleNetConfig().build(two)
