from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from random_jets import COLUMN, FIELDS, LEVEL, assert_same, column, momenta, packed_jets, random_jets, sums

from coffea_fm.kinematics import wrap
from coffea_fm.methods.parts.views import augment
from coffea_fm.methods.parts.views.resolution import Resolution
from coffea_fm.methods.parts.views.smearing import Smearing
from coffea_fm.methods.parts.views.splitting import Splitting
from coffea_fm.methods.parts.views.subset import Subset
from coffea_fm.methods.parts.views.translation import Translation
from coffea_fm.tokens import jet_level, token_level

RANDOM = np.random.default_rng


def test_splitting_is_collinear_safe() -> None:
    packed, _ = random_jets(200)
    after = Splitting(probability=0.7)(packed, LEVEL, RANDOM(0))
    before, tokens = packed.members["constituents"], after.members["constituents"]
    added = tokens.counts - before.counts
    assert added.sum() == pytest.approx(0.7 * before.counts.sum(), rel=0.1)
    assert (added <= before.counts).all()
    np.testing.assert_array_equal(sums(packed, column(packed, "pt")), sums(after, column(after, "pt")))
    np.testing.assert_array_equal(sums(packed, column(packed, "charge")), sums(after, column(after, "charge")))
    scale = momenta(packed)[:, 3:]
    np.testing.assert_allclose(momenta(after) / scale, momenta(packed) / scale, atol=1e-7)
    for start, stop in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True):
        assert (np.diff(tokens.things.values[start:stop, 0]) <= 0).all()


def test_the_softer_half_of_a_charged_constituent_is_a_photon_without_track() -> None:
    values = np.zeros((2, len(FIELDS)), dtype=np.float32)
    for name, numbers in {"pt": (10, 4), "charge": (-1, 0), "pdgId": (-211, 130), "d0": (0.5, 0.0)}.items():
        values[:, COLUMN[name]] = numbers
    missing = np.array([[False] * 4, [True] * 4])
    packed = packed_jets(values, np.array([1, 1]), missing, np.ones((2, 4), np.float32))
    after = Splitting(probability=1.0)(packed, LEVEL, RANDOM(0))
    tokens = after.members["constituents"]
    np.testing.assert_array_equal(column(after, "pdgId"), (-211, 22, 130, 130))
    np.testing.assert_array_equal(column(after, "charge"), (-1, 0, 0, 0))
    np.testing.assert_array_equal(column(after, "d0"), (0.5, 0, 0, 0))
    np.testing.assert_array_equal(tokens.things.missing[:, 0], (False, True, True, True))


def test_splitting_leaves_no_jet_with_too_many_tokens() -> None:
    level = jet_level((token_level("constituents", FIELDS, maximum=40),), LEVEL.names)
    packed, _ = random_jets(200)
    after = Splitting(probability=1.0)(packed, level, RANDOM(0))
    expected = np.minimum(40, 2 * packed.members["constituents"].counts)
    np.testing.assert_array_equal(after.members["constituents"].counts, expected)


def test_translation_moves_jet_and_tokens_alike() -> None:
    packed, _ = random_jets(200)
    after = Translation(width=0.5)(packed, LEVEL, RANDOM(0))
    shift = after.values[:, 1] - packed.values[:, 1]
    assert 0.4 < np.abs(shift).max() <= 0.5 + 1e-6
    jet = np.repeat(np.arange(200), packed.members["constituents"].counts)
    np.testing.assert_allclose(column(after, "eta") - column(packed, "eta"), shift[jet], atol=1e-6)
    turn = np.exp(1j * (column(after, "phi") - column(packed, "phi")))
    np.testing.assert_allclose(turn, np.exp(1j * (after.values[jet, 2] - packed.values[jet, 2])), atol=1e-5)
    assert np.ptp(np.angle(turn)) > 6
    others = [index for name, index in COLUMN.items() if name not in ("eta", "phi")]
    left, right = (sets.members["constituents"].things.values[:, others] for sets in (packed, after))
    np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(packed.values[:, [0, 3]], after.values[:, [0, 3]])


def test_smearing_is_infrared_safe() -> None:
    packed, _ = random_jets(200)
    packed.members["constituents"].things.values[::2, 0] *= 1e-4
    after = Smearing(strength=0.1)(packed, LEVEL, RANDOM(0))
    soft = column(packed, "pt") < 1e-2
    turn = wrap(column(after, "phi") - column(packed, "phi"))
    contribution = column(packed, "pt") * np.hypot(column(after, "eta") - column(packed, "eta"), turn)
    assert contribution[soft].max() < 0.1
    assert (contribution / 0.1).max() < 6
    assert np.median(contribution[~soft] / 0.1) == pytest.approx(np.sqrt(2 * np.log(2)), rel=0.1)


@pytest.mark.parametrize("keep", [(0.25, 0.25), (0.3, 0.9)])
def test_subset_keeps_a_random_part_in_order(keep: tuple[float, float]) -> None:
    packed, _ = random_jets(300)
    after = Subset(keep=keep)(packed, LEVEL, RANDOM(0))
    old, new = packed.members["constituents"], after.members["constituents"]
    assert (new.counts >= np.maximum(1, np.floor(keep[0] * old.counts))).all()
    assert (new.counts <= np.ceil(keep[1] * old.counts)).all()
    assert new.counts.sum() / old.counts.sum() == pytest.approx(np.mean(keep), abs=0.04)
    kept = np.isin(old.things.values[:, 0], new.things.values[:, 0])
    np.testing.assert_array_equal(old.things.values[kept], new.things.values)
    first = np.isin(old.things.values[old.offsets[:-1], 0], new.things.values[:, 0])
    assert first[old.counts > 10].mean() == pytest.approx(np.mean(keep), abs=0.1)


def test_subset_is_told_its_mistake() -> None:
    with pytest.raises(ValidationError, match="give the smaller one first"):
        Subset(keep=(0.9, 0.3))


def test_resolution_changes_the_jet_only() -> None:
    packed, _ = random_jets(2000)
    after = Resolution(width=0.2)(packed, LEVEL, RANDOM(0))
    assert after.members is packed.members
    ratio = np.log(after.values[:, [0, 3]] / packed.values[:, [0, 3]])
    np.testing.assert_allclose(ratio.std(axis=0), 0.2, rtol=0.1)
    assert abs(np.corrcoef(ratio.T)[0, 1]) < 0.1
    np.testing.assert_array_equal(after.values[:, 1:3], packed.values[:, 1:3])


def test_a_sequence_of_changes_is_a_function_of_its_random_numbers_and_leaves_the_original() -> None:
    changes = (Splitting(), Subset(), Smearing(), Translation(), Resolution())
    packed, _ = random_jets(50)
    first, again = (augment(packed, LEVEL, changes, RANDOM(3)) for _ in range(2))
    assert_same(first, again)
    assert_same(packed, random_jets(50)[0])
    assert not np.array_equal(first.values, augment(packed, LEVEL, changes, RANDOM(4)).values)


def test_changes_of_kinematics_alone() -> None:
    level = jet_level((token_level("constituents", ("pt", "eta", "phi")),), ("pt", "eta", "phi"))
    values = np.array([[5.0, 0.1, 0.2], [3.0, 0.0, -0.1]], dtype=np.float32)
    packed = packed_jets(
        values, np.array([2]), np.zeros((2, 0), dtype=np.bool_), np.array([[8.0, 0.0, 0.0]], dtype=np.float32)
    )
    after = augment(packed, level, (Splitting(probability=1.0), Smearing(), Translation(), Resolution()), RANDOM(0))
    assert after.members["constituents"].things.values.shape == (4, 3)
    assert after.members["constituents"].things.values[:, 0].sum() == 8.0
