from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from coffea_fm.errors import RecipeError
from coffea_fm.nn.features import Features
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens.spec import InputSpec, jet_fields, token_group

KINDS = ["full", "jetclass", "kinematic"]


def test_jetclass_inputs_equal_the_published_recipe(spec, jets):
    inputs = jets([7, 12])
    ours = Features(spec, "jetclass")(inputs).tokens.numpy()
    pt, eta, phi, mass, charge, pdg_id, d0, d0_error, dz, dz_error = inputs.tokens.double().numpy().transpose(2, 0, 1)
    jet_pt, jet_eta, jet_phi, jet_mass = inputs.jet.double().numpy().T[:, :, np.newaxis]
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
    mask = inputs.mask.numpy()
    np.testing.assert_allclose(ours[mask], expected[mask], atol=2e-6)
    assert np.all(ours[~mask] == 0)


def test_jetclass_inputs_of_a_stored_file(spec, shared_data):
    uproot = pytest.importorskip("uproot")
    tree = uproot.open(shared_data / "jets" / "train_Hbb_0.root")["tree"].arrays(entry_stop=20)
    features = Features(spec, "jetclass")
    for jet in tree:
        px, py, pz = (np.asarray(jet[f"part_p{axis}"], np.float64) for axis in "xyz")
        pt = np.hypot(px, py)
        tokens = np.zeros((1, len(pt), 10), np.float32)
        tokens[0, :, :3] = np.stack([pt, np.arcsinh(pz / pt), np.arctan2(py, px)], axis=1)
        axis = torch.tensor([[jet.jet_pt, jet.jet_eta, jet.jet_phi, 100.0]])
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool)
        inputs = Inputs(torch.from_numpy(tokens), mask, torch.zeros(1, len(pt), 4, dtype=torch.bool), axis)
        columns = features(inputs).tokens[0].numpy()
        np.testing.assert_allclose(columns[:, 15], np.asarray(jet.part_deta), atol=2e-3)
        np.testing.assert_allclose(columns[:, 16], np.asarray(jet.part_dphi), atol=2e-3)


def test_missing_impact_parameters_become_zero(spec, jets):
    inputs = jets([6])
    inputs.tokens[..., 6:] = 0.5
    missing = torch.ones_like(inputs.missing)
    columns = Features(spec, "jetclass")(inputs._replace(missing=missing)).tokens
    assert torch.all(columns[..., 11:15] == 0)
    full = Features(spec, "full")(inputs._replace(missing=missing)).tokens
    assert torch.all(full[..., 13:] == 0)


def test_significance_is_signed_and_squashed(spec, jets):
    inputs = jets([3])
    inputs.tokens[0, :, 6] = torch.tensor([-0.1, 0.0, 0.2])
    inputs.tokens[0, :, 7] = 0.02
    features = Features(spec, "full")(inputs._replace(missing=torch.zeros_like(inputs.missing))).tokens[0, :, 15]
    expected = 0.7 * torch.tensor([-math.log(6.0), 0.0, math.log(11.0)])
    torch.testing.assert_close(features, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_phi_is_periodic(kind, spec, jets):
    inputs = jets([5, 5])
    turned = inputs._replace(tokens=inputs.tokens.clone())
    turned.tokens[0, :, 2] += 2 * math.pi
    turned.jet[1, 2] -= 2 * math.pi
    features = Features(spec, kind)
    torch.testing.assert_close(features(turned).tokens, features(inputs).tokens, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30, torch.finfo(torch.float32).max])
def test_extreme_momenta_stay_finite_and_clipped(kind, value, spec, jets):
    inputs = jets([4])
    inputs.tokens[0, 0, :4] = torch.tensor([value, 3.0, 1.0, value])
    inputs.tokens[0, 1, :4] = torch.tensor([value, 0.0, 1.0, 0.0])
    inputs.jet[0, 0] = value
    output = Features(spec, kind)(inputs)
    assert output.tokens.isfinite().all()
    assert output.tokens.abs().max() <= 5
    assert output.jet.isfinite().all()
    assert all(part.isfinite().all() for part in output.momenta)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_content_never_matters(kind, spec, jets):
    inputs = jets([3, 6])
    dirty = inputs.tokens.masked_fill(~inputs.mask.unsqueeze(-1), math.nan)
    features = Features(spec, kind)
    for clean_part, dirty_part in zip(features(inputs), features(inputs._replace(tokens=dirty)), strict=True):
        for a, b in zip(clean_part, dirty_part, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_counts_of_columns(kind, spec, jets):
    features = Features(spec, kind)
    output = features(jets([2]))
    assert output.tokens.shape[-1] == features.n_features
    assert output.jet.shape[-1] == features.n_jet_features


def test_lacking_fields_are_named():
    spec = InputSpec((token_group("constituents", ("pt", "eta", "phi", "charge")),), jet_fields(("pt", "eta", "phi")))
    with pytest.raises(RecipeError, match="token fields mass, pdgId, d0, d0_error, dz, dz_error"):
        Features(spec, "full")
    with pytest.raises(RecipeError, match="jet fields phi"):
        Features(InputSpec(spec.groups, spec.jet[:2]), "kinematic")
    with pytest.raises(RecipeError, match="exactly one group"):
        Features(InputSpec((), spec.jet), "kinematic")
