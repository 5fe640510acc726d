"""Four-momenta, against the `vector` library."""

from __future__ import annotations

import numpy as np
import vector

from coffea_fm.kinematics import four_momenta, invariant_mass, pt_eta_phi


def test_four_momenta_there_and_back() -> None:
    random = np.random.default_rng(1)
    ranges = ((0.1, 500), (-4, 4), (-3.1, 3.1), (0.1, 5))
    given = [random.uniform(*limits, 200).astype(np.float32) for limits in ranges]
    found = four_momenta(*given)
    assert found.dtype == np.float64
    names = ("pt", "eta", "phi", "mass")
    expected = vector.array({name: column.astype(np.float64) for name, column in zip(names, given, strict=True)})
    for column, component in zip(found.T, (expected.px, expected.py, expected.pz, expected.E), strict=True):
        np.testing.assert_allclose(column, component, rtol=1e-12)
    px, py, pz, energy = found.T
    back = (*pt_eta_phi(px, py, pz), invariant_mass(px, py, pz, energy))
    for column, original in zip(back, given, strict=True):
        np.testing.assert_allclose(column, original, rtol=1e-6, atol=1e-6)
