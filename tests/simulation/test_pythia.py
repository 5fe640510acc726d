"""Seeds of Pythia: the same for the same sample, now and later."""

from __future__ import annotations

import pytest

from coffea_fm.simulation.pythia import seeded


@pytest.mark.parametrize(
    ("entropy", "seed", "drawn"),
    [((3, 1, 2), 720210450, 941), ((7, 2, 5, 4), 433328870, 889), ((0, 0, 0), 268811711, 802)],
)
def test_the_numbers_of_a_sample_stay_the_same(entropy: tuple[int, ...], seed: int, drawn: int) -> None:
    """With other ones, a sample could not be made again."""
    found, random = seeded(*entropy)
    assert (found, random.integers(1000)) == (seed, drawn)


def test_other_numbers_give_other_seeds_that_pythia_takes() -> None:
    seeds = {seeded(seed, label, index)[0] for seed in range(5) for label in range(5) for index in range(20)}
    assert len(seeds) == 500
    assert min(seeds) >= 1
    assert max(seeds) <= 900_000_000
