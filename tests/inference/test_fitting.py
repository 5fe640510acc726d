"""Which bundles fit which jets, and how an error names them."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import coffea_fm
from coffea_fm.errors import InputError
from coffea_fm.inference.fitting import fit, grouped, jet_levels


@pytest.fixture
def kinematic_jets() -> ak.Array:
    """Two events of jets whose constituents have momenta only, one jet of them in the range of the kinematic bundle."""
    momenta = {"pt": 10.0, "eta": 0.1, "phi": 0.2, "mass": 0.14}
    jets = [
        [{"pt": pt, "eta": 0.1, "phi": 0.2, "mass": 80.0, "constituents": [momenta] * 3} for pt in of_event]
        for of_event in ([100.0, 300.0], [1600.0])
    ]
    return ak.Array(jets)


def test_the_error_names_the_shipped_bundle_that_fits(kinematic_jets: ak.Array) -> None:
    with pytest.raises(InputError, match=r"'jet-classifier-kinematic' \(trained on pt_raw 200 to 1500") as caught:
        coffea_fm.load("jet-classifier-small")(kinematic_jets)
    assert "constituents.charge" in str(caught.value)
    assert "'ak4-flavour'" not in str(caught.value)


def test_the_error_names_none_where_none_fits(kinematic_jets: ak.Array) -> None:
    with pytest.raises(InputError) as caught:
        coffea_fm.load("jet-classifier-small")(kinematic_jets[["pt", "eta"]])
    assert "known by name" not in str(caught.value)


def test_typetracers_are_told_the_same(kinematic_jets: ak.Array) -> None:
    tracer = ak.Array(kinematic_jets.layout.to_typetracer(forget_length=True))
    with pytest.raises(InputError, match="'jet-classifier-kinematic'"):
        coffea_fm.load("jet-classifier-small")(tracer)


def test_a_fit_counts_jets_in_the_trained_range(kinematic_jets: ak.Array) -> None:
    found = fit(kinematic_jets, jet_levels()["jet-classifier-kinematic"], "jet-classifier-kinematic")
    assert (found.fits, found.n_jets, found.n_inside) == (True, 3, 1)
    empty = ak.with_field(kinematic_jets, kinematic_jets.constituents[:, :, :0], "constituents")
    assert fit(empty, jet_levels()["jet-classifier-kinematic"], "none").n_jets == 0


def test_corrected_jets_that_hide_what_they_were_do_not_fit(kinematic_jets: ak.Array) -> None:
    jets = ak.with_field(kinematic_jets, ak.full_like(kinematic_jets.pt, np.float32(0.1)), "rawFactor")
    assert "pt_raw" in fit(jets, jet_levels()["jet-classifier-kinematic"], "none").missing


def test_groups_are_named_once() -> None:
    assert grouped(["pt", "constituents.d0", "constituents.dz", "vertices"]) == "pt, constituents.d0, dz, vertices"
