from __future__ import annotations

import numpy as np
import pytest
from random_jets import FIELDS, LEVEL, assert_same, random_jets

from coffea_fm.methods.parts.views import augment
from coffea_fm.tokens import Packed
from coffea_fm.training.recipe.sections import AugmentationConfig

COLUMN = {name: index for index, name in enumerate(FIELDS)}


def changed(**options: float) -> tuple[Packed, Packed]:
    packed, _ = random_jets(200, seed=1)
    return packed, augment(packed, LEVEL, AugmentationConfig(**options).changes, np.random.default_rng(0))


def relative(packed: Packed) -> tuple[np.ndarray, np.ndarray]:
    tokens = packed.members["constituents"]
    of_token = np.repeat(np.arange(len(packed)), tokens.counts)
    eta = tokens.things.values[:, COLUMN["eta"]] - packed.values[of_token, 1]
    phi = (tokens.things.values[:, COLUMN["phi"]] - packed.values[of_token, 2] + np.pi) % (2 * np.pi) - np.pi
    return eta, phi


def test_nothing_by_default() -> None:
    before, after = changed()
    assert_same(before, after)


def test_the_original_is_left_alone() -> None:
    packed, _ = random_jets(20)
    augment(packed, LEVEL, AugmentationConfig(rotate=True, smear=1.0, drop=0.5).changes, np.random.default_rng(0))
    assert_same(packed, random_jets(20)[0])


def test_rotation_keeps_distances() -> None:
    before, after = changed(rotate=True)
    left, right = relative(before), relative(after)
    np.testing.assert_allclose(np.hypot(*left), np.hypot(*right), atol=1e-5)
    offsets = before.members["constituents"].offsets
    cross = [
        [eta[start] * phi[start + 1] - eta[start + 1] * phi[start] for start in offsets[:-1][np.diff(offsets) > 1]]
        for eta, phi in (left, right)
    ]
    np.testing.assert_allclose(*cross, atol=1e-5)
    assert np.abs(left[0] - right[0]).max() > 0.1
    others = [column for name, column in COLUMN.items() if name not in ("eta", "phi")]
    np.testing.assert_array_equal(
        before.members["constituents"].things.values[:, others], after.members["constituents"].things.values[:, others]
    )


def test_reflection_flips_impact_parameters_with_the_coordinates() -> None:
    before, after = changed(reflect=True)
    for axis, impact in ((0, "dz"), (1, "d0")):
        sign = np.sign(relative(before)[axis] * relative(after)[axis])
        value, reflected = (
            packed.members["constituents"].things.values[:, COLUMN[impact]] for packed in (before, after)
        )
        np.testing.assert_array_equal(reflected, sign * value)
        assert 0.3 < (sign > 0).mean() < 0.7


def test_smearing_moves_soft_constituents_more() -> None:
    before, after = changed(smear=0.1)
    pt = before.members["constituents"].things.values[:, COLUMN["pt"]]
    moved = np.hypot(*(left - right for left, right in zip(relative(before), relative(after), strict=True)))
    expected = 0.1 / np.maximum(pt, 0.1) * np.sqrt(np.pi / 2)
    for chosen in (pt < 2, (pt > 5) & (pt < 10)):
        assert moved[chosen].mean() == pytest.approx(expected[chosen].mean(), rel=0.15)


def test_only_soft_constituents_are_dropped_and_never_the_first() -> None:
    before, after = changed(drop=0.9)
    old, new = before.members["constituents"], after.members["constituents"]
    assert (new.counts >= 1).all()
    assert (new.counts <= old.counts).all()
    np.testing.assert_array_equal(old.things.values[old.offsets[:-1], 0], new.things.values[new.offsets[:-1], 0])
    pt = old.things.values[:, COLUMN["pt"]]
    kept = np.isin(pt, new.things.values[:, COLUMN["pt"]])
    assert kept[pt > 20].all()
    assert 0.2 < kept[pt < 1].mean() < 0.5
    np.testing.assert_array_equal(pt[kept], new.things.values[:, COLUMN["pt"]])
    np.testing.assert_array_equal(old.things.missing[kept], new.things.missing)


def test_angles_stay_in_range() -> None:
    _, after = changed(rotate=True, smear=1.0)
    phi = after.members["constituents"].things.values[:, COLUMN["phi"]]
    assert np.abs(phi).max() <= np.float32(np.pi)
