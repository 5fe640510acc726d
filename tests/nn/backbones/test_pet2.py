from __future__ import annotations

import math

import pytest
import torch
from padded_jets import with_tokens
from random_weights import spread_weights

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones.pet2 import PET2Config
from coffea_fm.nn.blocks.dynamic_tanh import DynamicTanh
from coffea_fm.nn.blocks.pet2 import pair_features
from coffea_fm.nn.features.omnilearned import CODES, OmniLearnedFeatures
from coffea_fm.tokens import jet_level, token_level

TINY = {"dim": 16, "layers": 2, "heads": 2, "class_layers": 1}
CONFIGS = {
    "all": PET2Config(**TINY),
    "plain": PET2Config(**TINY, pair_bias=False, local_pairs=False, features="kinematic"),
    "time": PET2Config(**TINY, features="identified", time=True),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def network(request, level):
    network = request.param.build(level).eval()
    spread_weights(network)
    return network


def test_features_are_those_of_the_published_preprocessing(level, jets):
    inputs = jets([6])
    found = OmniLearnedFeatures(level, "jetclass")(inputs)
    pt, eta, phi, mass, _, code, d0, d0_error = inputs.tokens.values[0, :, :8].double().unbind(-1)
    _, jet_eta, jet_phi, _ = inputs.values[0].double()
    energy = ((pt * eta.cosh()).square() + mass.square()).sqrt()
    expected = torch.stack(
        (eta - jet_eta, torch.remainder(phi - jet_phi + math.pi, 2 * math.pi) - math.pi, pt.log(), energy.log())
    )
    torch.testing.assert_close(found.kinematics[0].T.double(), expected, atol=1e-5, rtol=0)
    assert [CODES[index] for index in found.identity[0]] == code.tolist()
    torch.testing.assert_close(found.track[0, :, 0].double(), d0.tanh() * ~inputs.tokens.missing[0, :, 0])
    torch.testing.assert_close(found.track[0, :, 1].double(), d0_error * ~inputs.tokens.missing[0, :, 1])


def test_hadrons_are_merged_and_what_is_unknown_is_zero(level, jets):
    inputs = jets([5])
    inputs.tokens.values[0, :, 5] = torch.tensor([-321.0, 2212.0, 2112.0, 7.0, -13.0])
    found = OmniLearnedFeatures(level, "identified")(inputs)
    assert [CODES[index] for index in found.identity[0]] == [-211, 211, 130, 0, -13]


def test_a_particle_of_one_gev_counts(network, jets):
    """OmniLearned takes ln pT = 0 for padding."""
    inputs = jets([8])
    inputs.tokens.values[0, 2, 0] = 1.0
    there = network(inputs).embedding
    mask = inputs.tokens.mask.clone()
    mask[0, 2] = False
    assert (network(with_tokens(inputs, mask=mask)).embedding - there).abs().max() > 1e-4


def test_pair_features_do_not_cancel_and_are_zero_where_undefined():
    near = torch.tensor([[0.1, 0.2, 3.0, 0.0], [0.1 + 1e-4, 0.2, 2.0, 0.0]])
    mass, distance, kt = pair_features(near[0], near[1]).double()
    step = near[1, 0].double() - near[0, 0].double()
    assert math.isclose(mass, 5 + 2 * math.log(step), abs_tol=1e-5)
    assert math.isclose(distance, math.log(step), abs_tol=1e-5)
    assert math.isclose(kt, 2 + math.log(step), abs_tol=1e-5)
    assert pair_features(near[0], near[0]).tolist() == [0.0, 0.0, 0.0]


def test_dynamic_tanh_is_its_formula():
    layer = DynamicTanh(3)
    layer.weight.data = torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(
        layer(torch.tensor([2.0, -4.0, 0.0])), torch.tensor([math.tanh(1), -2 * math.tanh(2), 0.0])
    )


def test_no_time_is_time_zero(level, jets):
    network = CONFIGS["time"].build(level).eval()
    spread_weights(network)
    inputs = jets([9, 4])
    now, zero, late = (
        network(inputs, time=time).embedding for time in (None, torch.zeros(2), torch.tensor([0.5, 0.0]))
    )
    torch.testing.assert_close(zero, now, atol=1e-6, rtol=0)
    assert (late - now)[0].abs().max() > 1e-4
    torch.testing.assert_close(late[1], now[1], atol=1e-6, rtol=0)


def test_sizes_are_the_published_ones(level):
    assert (PET2Config().dim, PET2Config().layers, PET2Config().heads) == (128, 8, 8)
    medium = PET2Config(size="medium", layers=3)
    assert (medium.dim, medium.layers, medium.heads) == (512, 3, 16)
    with torch.device(
        "meta"
    ):  # the package: 31,032,387 + 21,418,199, of which the last layer for 210 classes is the head
        network = PET2Config(size="medium").build(level)
    head = 210 * 2048 + 210
    assert sum(parameter.numel() for parameter in network.parameters()) == 31_032_387 + 21_418_199 - head


def test_missing_fields_are_named():
    with pytest.raises(RecipeError, match="pdgId"):
        PET2Config(features="identified").build(
            jet_level((token_level("constituents", ("pt", "eta", "phi")),), ("pt", "eta", "phi"))
        )
