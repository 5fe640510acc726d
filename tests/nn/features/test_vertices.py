from __future__ import annotations

import math

import pytest
import torch

from coffea_fm.errors import RecipeError
from coffea_fm.nn.features.axis import Axis
from coffea_fm.nn.features.vertices import VertexFeatures
from coffea_fm.nn.inputs import Members
from coffea_fm.tokens import Level, token_level

FIELDS = ("pt", "eta", "phi", "mass", "n_tracks", "chi2", "d3d", "d3d_significance")
LEVEL = token_level("vertices", FIELDS)
AXIS = Axis(*(torch.tensor([[number]]) for number in (500.0, 0.5, 3.1, 100.0)))
VERTEX = [50.0, 0.7, -3.1, 4.0, 3.0, 2.0, 6.0, 20.0]


def inputs(level: Level, vertex: list[float], *, missing: bool = False) -> dict[str, float]:
    """Inputs of one vertex beside an empty slot that holds NaN, by name."""
    values = torch.tensor([[vertex, [math.nan] * len(vertex)]])
    lost = torch.full((1, 2, len(level.missing_names)), missing)
    features = VertexFeatures(level)
    tokens = features(Members(values, torch.tensor([[True, False]]), lost), AXIS).tokens
    assert tokens.shape == (1, 2, features.n_features)
    assert torch.all(tokens[0, 1] == 0)
    return dict(zip(features.names, tokens[0, 0].tolist(), strict=True))


def test_inputs_by_hand() -> None:
    delta_phi = 2 * math.pi - 6.2
    expected = {
        "log_pt": 0.7 * (math.log(50) - 3.0),
        "log_relative_pt": 0.7 * (math.log(0.1) + 2.0),
        "delta_r": 4.0 * (math.hypot(0.2, delta_phi) - 0.2),
        "scaled_delta_eta": 4 * 0.2,
        "scaled_delta_phi": 4 * delta_phi,
        "log_mass": 0.7 * (math.log(5) - 0.5),
        "log_n_tracks": math.log(4) - 1.0,
        "log_chi2": 0.7 * (math.log(3) - 1.0),
        "log_d3d": 0.7 * (math.log(7) - 1.0),
        "log_d3d_significance": 0.7 * (math.log(21) - 2.0),
    }
    assert inputs(LEVEL, VERTEX) == pytest.approx(expected, abs=1e-5)


def test_what_is_missing_is_usual() -> None:
    found = inputs(LEVEL, VERTEX, missing=True)
    assert [found[name] for name in ("log_chi2", "log_d3d", "log_d3d_significance")] == [0.0, 0.0, 0.0]


def test_fields_are_optional_but_the_momentum_is_not() -> None:
    assert len(inputs(token_level("vertices", FIELDS[:3]), VERTEX[:3])) == 5
    with pytest.raises(RecipeError, match="need the vertices fields phi"):
        VertexFeatures(token_level("vertices", ("pt", "eta")))
