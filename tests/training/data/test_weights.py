from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_jets import CLASSES, LEVEL, random_jets

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.training.data.weights import Weights
from coffea_fm.training.recipe.sections import ReweightConfig

PT_EDGES = (500.0, 600.0, 700.0, 800.0, 1000.0)


@pytest.fixture
def unequal(tmp_path: Path) -> ShardDataset:
    """1,500 narrow jets of falling pT and 500 wide ones of rising pT, with stored weights."""
    rng = np.random.default_rng(0)
    packed, _ = random_jets(2000)
    target = np.repeat([0, 1], [1500, 500])
    fall = rng.beta(1, 4, 2000)
    packed.values[:, 0] = 500 + 500 * np.where(target == 0, fall, 1 - fall)
    write_shard(
        tmp_path / "a.parquet",
        packed,
        LEVEL,
        columns={"target": target, "weight": rng.uniform(1e-4, 3e-4, 2000)},
        classes=CLASSES,
        source=Source(dataset="d", file="f", start=0, stop=2000),
    )
    return ShardDataset(tmp_path)


def weigh(data: ShardDataset, config: ReweightConfig | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    _, columns = data.read(data.row_groups)
    return Weights(data, config)(columns), columns["target"], columns["pt_raw"]


def test_without_reweighting_the_stored_weights_average_to_one(unequal: ShardDataset) -> None:
    weight, _, _ = weigh(unequal, None)
    stored = unequal.scalars("weight")["weight"]
    np.testing.assert_allclose(weight, stored / stored.mean(), rtol=1e-5)


def test_classes_become_equal(unequal: ShardDataset) -> None:
    weight, target, _ = weigh(unequal, ReweightConfig())
    np.testing.assert_allclose([weight[target == 0].sum(), weight[target == 1].sum()], 1000, rtol=1e-4)


def test_spectra_become_flat(unequal: ShardDataset) -> None:
    weight, target, pt = weigh(unequal, ReweightConfig(flatten={"pt": PT_EDGES}, largest=1000))
    for number in (0, 1):
        chosen = target == number
        sums, _ = np.histogram(pt[chosen], PT_EDGES, weights=weight[chosen])
        np.testing.assert_allclose(sums, 250, rtol=1e-3)


def test_two_fields_are_flat_together(unequal: ShardDataset) -> None:
    mass_edges = (20.0, 80.0, 200.0)
    config = ReweightConfig(flatten={"pt": PT_EDGES, "mass": mass_edges}, largest=1000)
    weight, target, pt = weigh(unequal, config)
    mass = unequal.scalars("mass_raw")["mass_raw"]
    sums, _, _ = np.histogram2d(pt[target == 0], mass[target == 0], (PT_EDGES, mass_edges), weights=weight[target == 0])
    np.testing.assert_allclose(sums, 125, rtol=1e-3)


def test_no_weight_is_larger_than_allowed(unequal: ShardDataset) -> None:
    weight, target, _ = weigh(unequal, ReweightConfig(flatten={"pt": PT_EDGES}, largest=2.0))
    stored = unequal.scalars("weight")["weight"]
    for number in (0, 1):
        factor = (weight / stored)[target == number]
        assert factor.max() / factor.min() < 20
    free, _, _ = weigh(unequal, ReweightConfig(flatten={"pt": PT_EDGES}, largest=1000))
    assert weight.max() < free.max()


def test_unknown_field(unequal: ShardDataset) -> None:
    with pytest.raises(InputError, match="no column 'colour'"):
        Weights(unequal, ReweightConfig(flatten={"colour": (0.0, 1.0)}))


@pytest.mark.parametrize(
    ("weights", "message"),
    [([0.0, 0.0, 0.0, 0.0], "add up to 0"), ([1.0, -1.0, 1.0, 3.0], "1 of the 4 weights in .* are negative")],
)
def test_weights_that_cannot_be_trained_with(tmp_path: Path, weights: list[float], message: str) -> None:
    packed, target = random_jets(4)
    source = Source(dataset="d", file="f", start=0, stop=4)
    columns = {"target": target, "weight": np.array(weights)}
    write_shard(tmp_path / "a.parquet", packed, LEVEL, columns=columns, classes=CLASSES, source=source)
    with pytest.raises(InputError, match=message):
        Weights(ShardDataset(tmp_path), None)
