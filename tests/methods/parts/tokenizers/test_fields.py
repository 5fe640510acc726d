from __future__ import annotations

import numpy as np
import pytest
import torch
from padded_jets import with_tokens
from random_jets import FIELDS, LEVEL

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.tokenizers.fields import PUBLISHED_FIELDS, ParticleFields
from coffea_fm.nn.features.constituents import _KINDS as KINDS
from coffea_fm.nn.features.level import Features
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import jet_level, pad, token_level


@pytest.fixture
def inputs(train_data: ShardDataset) -> Inputs:
    return Inputs.from_arrays(pad(train_data.read(train_data.row_groups)[0], LEVEL), LEVEL)


@pytest.fixture
def fields(train_data: ShardDataset) -> ParticleFields:
    made = ParticleFields(LEVEL, PUBLISHED_FIELDS)
    made.fit(train_data)
    return made


def test_numbers_are_relative_to_the_jet_as_in_the_features(inputs: Inputs, fields: ParticleFields) -> None:
    raw, _ = fields.raw(inputs)
    features = Features(LEVEL, "jetclass")(inputs).tokens["constituents"]
    for name, feature in (("eta", "delta_eta"), ("phi", "delta_phi")):
        column = list(KINDS["jetclass"]).index(feature)
        got = raw[..., PUBLISHED_FIELDS.index(name)][inputs.tokens.mask]
        torch.testing.assert_close(got, features[..., column][inputs.tokens.mask])
    assert torch.equal(raw[..., 3], inputs.tokens.values[..., FIELDS.index("d0")])


def test_transformed_numbers_are_normal_and_missing_ones_zero(inputs: Inputs, fields: ParticleFields) -> None:
    normal = fields(inputs)
    _, present = fields.raw(inputs)
    assert torch.equal(normal[~present], torch.zeros(int((~present).sum())))
    for index in range(len(PUBLISHED_FIELDS)):
        known = normal[..., index][present[..., index]].numpy()
        np.testing.assert_allclose(np.quantile(known, [0.1587, 0.5, 0.8413]), [-1, 0, 1], atol=0.03)


def test_the_logarithm_of_pt_is_linear_up_to_the_hardest_particle(inputs: Inputs, train_data: ShardDataset) -> None:
    made = ParticleFields(LEVEL, ("log_pt",))
    made.fit(train_data)
    pt = inputs.tokens.values[..., FIELDS.index("pt")][inputs.tokens.mask]
    scaled = made(inputs)[inputs.tokens.mask]
    torch.testing.assert_close(made.invert(scaled)[:, 0].exp(), pt, rtol=1e-3, atol=1e-3)
    slope = (scaled[:, 0] - scaled[:, 0].median()) / (pt.log() - pt.log().median())
    away = (pt.log() - pt.log().median()).abs() > 0.5
    torch.testing.assert_close(slope[away], slope[away].median().expand(int(away.sum())), rtol=0.02, atol=0)


def test_significances_keep_their_tails(inputs: Inputs, train_data: ShardDataset) -> None:
    made = ParticleFields(LEVEL, ("d0_significance",))
    made.fit(train_data)
    d0, error = (inputs.tokens.values[..., FIELDS.index(name)] for name in ("d0", "d0_error"))
    present = ~inputs.tokens.missing[..., 0] & inputs.tokens.mask
    expected = (d0.sign() * torch.log1p(d0.abs() / error))[present]
    raw, exists = made.raw(inputs)
    assert torch.equal(exists[..., 0], present)
    torch.testing.assert_close(raw[..., 0][present], expected)
    low, middle, high = np.quantile(expected.numpy(), [0.16, 0.5, 0.84])
    torch.testing.assert_close(
        made(inputs)[..., 0][present], (expected - middle) / ((high - low) / 2), atol=2e-3, rtol=0
    )


def test_inverse(inputs: Inputs, fields: ParticleFields) -> None:
    raw, present = fields.raw(inputs)
    torch.testing.assert_close(fields.invert(fields(inputs))[present], raw[present], rtol=1e-3, atol=1e-4)


def test_far_values_stay_finite(inputs: Inputs, fields: ParticleFields) -> None:
    far = with_tokens(inputs, values=torch.full_like(inputs.tokens.values, 1e6))
    assert fields(far).abs().max() <= 3.0


def test_lacking_fields_are_named() -> None:
    level = jet_level((token_level("constituents", ("pt", "eta", "phi")),), ("pt",))
    with pytest.raises(RecipeError, match=r"d0, jet.eta, jet.phi: add them"):
        ParticleFields(level, ("pt", "d0"))
