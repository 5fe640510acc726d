from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from padded_jets import with_tokens

from coffea_fm.errors import RecipeError
from coffea_fm.nn.features.level import Features
from coffea_fm.nn.inputs import Inputs, Members
from coffea_fm.tokens import Level, jet_level, token_level

KINDS = ["full", "jetclass", "kinematic"]


def test_jetclass_inputs_equal_the_published_recipe(level, jets):
    inputs = jets([7, 12])
    ours = Features(level, "jetclass")(inputs).tokens["constituents"].numpy()
    pt, eta, phi, mass, charge, pdg_id, d0, d0_error, dz, dz_error = (
        inputs.tokens.values.double().numpy().transpose(2, 0, 1)
    )
    jet_pt, jet_eta, jet_phi, jet_mass = inputs.values.double().numpy().T[:, :, np.newaxis]
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    jet_energy = np.sqrt((jet_pt * np.cosh(jet_eta)) ** 2 + jet_mass**2)
    deta = (eta - jet_eta) * np.sign(jet_eta)
    dphi = np.angle(np.exp(1j * (phi - jet_phi)))
    flags = [np.abs(pdg_id) == code for code in (211, 130, 22, 11, 13)]
    with np.errstate(divide="ignore"):
        columns = [
            (np.log(pt) - 1.7) * 0.7,
            (np.log(energy) - 2.0) * 0.7,
            (np.log(pt / jet_pt) + 4.7) * 0.7,
            (np.log(energy / jet_energy) + 4.7) * 0.7,
            (np.hypot(deta, dphi) - 0.2) * 4.0,
            charge,
            *flags,
            *(np.tanh(d0), np.clip(d0_error, 0, 1), np.tanh(dz), np.clip(dz_error, 0, 1), deta, dphi),
        ]
    expected = np.clip(np.stack(columns, axis=-1), -5, 5)
    mask = inputs.tokens.mask.numpy()
    np.testing.assert_allclose(ours[mask], expected[mask], atol=2e-6)
    assert np.all(ours[~mask] == 0)


def test_jetclass_inputs_of_a_stored_file(level, shared_data):
    uproot = pytest.importorskip("uproot")
    tree = uproot.open(shared_data / "jets" / "train_Hbb_0.root")["tree"].arrays(entry_stop=20)
    features = Features(level, "jetclass")
    for jet in tree:
        px, py, pz = (np.asarray(jet[f"part_p{axis}"], np.float64) for axis in "xyz")
        pt = np.hypot(px, py)
        tokens = np.zeros((1, len(pt), 10), np.float32)
        tokens[0, :, :3] = np.stack([pt, np.arcsinh(pz / pt), np.arctan2(py, px)], axis=1)
        axis = torch.tensor([[jet.jet_pt, jet.jet_eta, jet.jet_phi, 100.0]])
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool)
        members = Members(torch.from_numpy(tokens), mask, torch.zeros(1, len(pt), 4, dtype=torch.bool))
        inputs = Inputs(axis, torch.zeros(1, 0, dtype=torch.bool), {"constituents": members})
        columns = features(inputs).tokens["constituents"][0].numpy()
        np.testing.assert_allclose(columns[:, 15], np.asarray(jet.part_deta), atol=2e-3)
        np.testing.assert_allclose(columns[:, 16], np.asarray(jet.part_dphi), atol=2e-3)


def test_missing_impact_parameters_become_zero(level, jets):
    inputs = jets([6])
    inputs.tokens.values[..., 6:] = 0.5
    missing = torch.ones_like(inputs.tokens.missing)
    columns = Features(level, "jetclass")(with_tokens(inputs, missing=missing)).tokens["constituents"]
    assert torch.all(columns[..., 11:15] == 0)
    full = Features(level, "full")(with_tokens(inputs, missing=missing)).tokens["constituents"]
    assert torch.all(full[..., 13:] == 0)


def test_significance_is_signed_and_squashed(level, jets):
    inputs = jets([3])
    inputs.tokens.values[0, :, 6] = torch.tensor([-0.1, 0.0, 0.2])
    inputs.tokens.values[0, :, 7] = 0.02
    features = Features(level, "full")(with_tokens(inputs, missing=torch.zeros_like(inputs.tokens.missing))).tokens[
        "constituents"
    ][0, :, 15]
    expected = 0.7 * torch.tensor([-math.log(6.0), 0.0, math.log(11.0)])
    torch.testing.assert_close(features, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_phi_is_periodic(kind, level, jets):
    inputs = jets([5, 5])
    turned = with_tokens(inputs, values=inputs.tokens.values.clone())._replace(values=inputs.values.clone())
    turned.tokens.values[0, :, 2] += 2 * math.pi
    turned.values[1, 2] -= 2 * math.pi
    features = Features(level, kind)
    torch.testing.assert_close(
        features(turned).tokens["constituents"], features(inputs).tokens["constituents"], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30, torch.finfo(torch.float32).max])
def test_extreme_momenta_stay_finite_and_clipped(kind, value, level, jets):
    inputs = jets([4])
    inputs.tokens.values[0, 0, :4] = torch.tensor([value, 3.0, 1.0, value])
    inputs.tokens.values[0, 1, :4] = torch.tensor([value, 0.0, 1.0, 0.0])
    inputs.values[0, 0] = value
    output = Features(level, kind)(inputs)
    assert output.tokens["constituents"].isfinite().all()
    assert output.tokens["constituents"].abs().max() <= 5
    assert output.jet.isfinite().all()
    assert all(part.isfinite().all() for part in output.momenta)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_content_never_matters(kind, level, jets):
    inputs = jets([3, 6])
    tokens = inputs.tokens
    dirty = with_tokens(inputs, values=tokens.values.masked_fill(~tokens.mask.unsqueeze(-1), math.nan))
    features = Features(level, kind)
    clean, found = features(inputs), features(dirty)
    assert torch.equal(clean.tokens["constituents"], found.tokens["constituents"])
    for a, b in zip((clean.jet, *clean.momenta), (found.jet, *found.momenta), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_counts_of_columns(kind, level, jets):
    features = Features(level, kind)
    output = features(jets([2]))
    assert output.tokens["constituents"].shape[-1] == features.n_features["constituents"]
    assert output.jet.shape[-1] == features.n_jet_features


def test_missing_fields_are_named():
    constituents = token_level("constituents", ("pt", "eta", "phi", "charge"))
    few = jet_level((constituents,), ("pt", "eta", "phi"))
    with pytest.raises(RecipeError, match="'full' need the jet fields mass"):
        Features(few, "full")
    with pytest.raises(RecipeError, match="constituents fields mass, pdgId, d0, d0_error, dz, dz_error"):
        Features(jet_level((constituents,), ("pt", "eta", "phi", "mass")), "full")
    with pytest.raises(RecipeError, match="jet fields phi"):
        Features(jet_level((constituents,), ("pt", "eta")), "kinematic")
    with pytest.raises(RecipeError, match="jet has no members"):
        Features(jet_level((), ("pt", "eta", "phi")), "kinematic")
    with pytest.raises(RecipeError, match="no features for hits, only for constituents, vertices"):
        Features(Level("jet", few.fields, (Level("hits"),)), "kinematic")


def test_the_uncorrected_momentum_is_read_where_there_is_one(jets):
    """Fields of the corrected one may stand beside it, for heads."""
    constituents = token_level("constituents", ("pt", "eta", "phi"))
    names = ("pt", "pt_raw", "eta", "phi")
    inputs = jets([3])
    columns = inputs.values[:, [0, 0, 1, 2]] * torch.tensor([2.0, 1.0, 1.0, 1.0])
    tokens = inputs.tokens._replace(values=inputs.tokens.values[..., :3])
    both = inputs._replace(values=columns, members={"constituents": tokens})
    found = Features(jet_level((constituents,), names), "kinematic")(both)
    expected = Features(jet_level((constituents,), names[1:]), "kinematic")(both._replace(values=columns[:, 1:]))
    assert torch.equal(found.jet, expected.jet)
    assert torch.equal(found.tokens["constituents"], expected.tokens["constituents"])
