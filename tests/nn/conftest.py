from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens.packed import PackedSets, PackedTokens
from coffea_fm.tokens.padding import pad
from coffea_fm.tokens.spec import InputSpec, jet_fields, token_group

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")


@pytest.fixture(scope="session")
def spec() -> InputSpec:
    return InputSpec((token_group("constituents", FIELDS),), jet_fields(("pt", "eta", "phi", "mass")))


@pytest.fixture(scope="session")
def kinematic_spec() -> InputSpec:
    return InputSpec((token_group("constituents", ("pt", "eta", "phi")),), jet_fields(("pt", "eta", "phi")))


def make_jets(lengths: list[int], seed: int = 0) -> PackedSets:
    """Jets of made-up but plausible constituents."""
    random = np.random.default_rng(seed)
    n = sum(lengths)
    axis_eta, axis_phi = random.uniform(-2, 2, len(lengths)), random.uniform(-np.pi, np.pi, len(lengths))
    pdg_id = random.choice([211, -211, 130, 22, 11, -11, 13, -13], n)
    charge = np.where(np.isin(pdg_id, [130, 22]), 0, np.where(np.abs(pdg_id) == 211, 1, -1) * np.sign(pdg_id))
    masses = {211: 0.1396, 130: 0.4976, 22: 0.0, 11: 0.000511, 13: 0.10566}
    phi = np.repeat(axis_phi, lengths) + random.normal(0, 0.2, n)
    error = random.lognormal(-3.8, 0.5, (2, n))
    d0, dz = random.normal(0, 2, (2, n)) * error
    neutral = charge == 0
    values = np.stack(
        [
            random.lognormal(1.8, 1.2, n),
            np.repeat(axis_eta, lengths) + random.normal(0, 0.2, n),
            (phi + np.pi) % (2 * np.pi) - np.pi,
            [masses[abs(code)] for code in pdg_id],
            charge,
            pdg_id,
            *(np.where(neutral, 0, column) for column in (d0, error[0], dz, error[1])),
        ],
        axis=1,
    ).astype(np.float32)
    jet = np.stack(
        [random.uniform(500, 1000, len(lengths)), axis_eta, axis_phi, random.uniform(20, 180, len(lengths))], axis=1
    ).astype(np.float32)
    missing = np.repeat(neutral[:, np.newaxis], 4, axis=1)
    return PackedSets({"constituents": PackedTokens(values, np.array(lengths, np.int64), missing)}, jet)


def make_inputs(lengths: list[int], spec: InputSpec, seed: int = 0, multiple: int = 1) -> Inputs:
    return Inputs.from_arrays(pad(make_jets(lengths, seed), spec, multiple), spec)


@pytest.fixture(scope="session")
def jets(spec: InputSpec) -> Callable[..., Inputs]:
    """Padded jets of given lengths."""

    def build(lengths: list[int], **options: int) -> Inputs:
        return make_inputs(lengths, spec, **options)

    return build


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)
