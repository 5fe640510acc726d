from __future__ import annotations

import numpy as np
import pytest
import torch
from random_jets import LEVEL, random_jets

from coffea_fm.methods.parts.masked_jets import MaskedJets, choose_hidden, hidden_count, masked_parts
from coffea_fm.nn.batches import Examples

CPU = torch.device("cpu")


@pytest.fixture
def examples() -> Examples:
    packed, target = random_jets(60)
    return Examples(packed, {"target": target}, np.arange(60, dtype=np.float32))


def parts_of(examples: Examples, fraction: float = 0.3, seed: int = 0) -> list[MaskedJets]:
    return list(masked_parts(examples, LEVEL, fraction, 300, CPU, np.random.default_rng(seed)))


@pytest.mark.parametrize("fraction", [0.1, 0.29, 0.3, 0.4, 0.7, 0.9])
def test_the_floor_of_the_fraction_is_hidden_but_one_at_least_and_never_all(fraction: float) -> None:
    percent = round(100 * fraction)
    expected = [min(max(percent * n // 100, 1), n - 1) if n else 0 for n in range(129)]
    np.testing.assert_array_equal(hidden_count(np.arange(129), fraction), expected)


def test_particles_are_hidden_at_random_and_padding_is_not() -> None:
    mask = np.arange(24) < np.tile([20, 10, 1, 0], 500)[:, np.newaxis]
    hidden = choose_hidden(mask, 0.3, np.random.default_rng(0))
    assert not (hidden & ~mask).any()
    np.testing.assert_array_equal(hidden.sum(axis=1), np.tile([6, 3, 0, 0], 500))
    np.testing.assert_allclose(hidden[::4, :20].mean(axis=0), 0.3, atol=0.09)
    assert not np.array_equal(hidden[0], hidden[4])


def test_visible_and_hidden_particles_together_are_the_jet(examples: Examples) -> None:
    seen = []
    for part in parts_of(examples):
        for jet in range(len(part.weight)):
            whole = part.whole.tokens.values[jet][part.whole.tokens.mask[jet]]
            together = torch.empty_like(whole)
            places = []
            for particles in (part.visible, part.hidden):
                mask = particles.mask[jet]
                place = particles.place[jet][mask]
                assert place.tolist() == sorted(place.tolist())
                together[place] = particles.inputs.tokens.values[jet][mask]
                missing = particles.inputs.tokens.missing[jet][mask]
                assert torch.equal(missing, part.whole.tokens.missing[jet][place])
                places += place.tolist()
            assert sorted(places) == list(range(len(whole)))
            assert torch.equal(together, whole)
        seen += part.weight.tolist()
    assert sorted(seen) == list(range(60))


def test_groups_are_no_larger_than_asked_for_and_the_encoder_gets_fewer_particles(examples: Examples) -> None:
    parts = parts_of(examples, fraction=0.5)
    assert all(part.visible.mask.numel() <= 320 for part in parts)
    padded = sum(part.visible.mask.numel() for part in parts)
    assert padded < 0.75 * sum(part.whole.tokens.mask.numel() for part in parts)


def test_means_over_hidden_particles_skip_padding(examples: Examples) -> None:
    part = parts_of(examples)[-1]
    pt = part.hidden.inputs.tokens.values[..., 0]
    mask = part.hidden.mask
    for jet, mean in enumerate(part.mean_of_hidden(part.of_hidden(pt))):
        own = pt[jet][mask[jet]]
        assert mean == pytest.approx(float(own.mean()) if len(own) else 0.0)


def test_the_same_seed_hides_the_same_particles(examples: Examples) -> None:
    for left, right in zip(parts_of(examples), parts_of(examples), strict=True):
        assert torch.equal(left.hidden.place, right.hidden.place)
    other = parts_of(examples, seed=1)[0]
    assert not torch.equal(parts_of(examples)[0].hidden.place, other.hidden.place)
