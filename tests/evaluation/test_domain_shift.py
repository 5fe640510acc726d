from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from coffea_fm.bundle import WorkingPoint
from coffea_fm.evaluation import domain_shift
from coffea_fm.evaluation.domain_shift import balanced_rows, two_sample
from coffea_fm.evaluation.embedding_map import principal_map
from coffea_fm.evaluation.jets import JetData
from coffea_fm.evaluation.shifted import Side, measure_shift

CLASSES = ("QCD", "Hbb")


@pytest.fixture(autouse=True)
def few_permutations(monkeypatch):
    monkeypatch.setattr(domain_shift, "PERMUTATIONS", 19)


def test_alike_samples_are_not_told_apart_and_shifted_ones_are():
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(8, 8))
    here, alike, there = (rng.normal(size=(800, 8)) for _ in range(3))
    there[:, 0] += 0.5
    same = two_sample(here @ mixing, alike @ mixing)
    assert same.p_value > 0.1
    assert same.interval[0] < same.auc < same.interval[1]
    shifted = two_sample(here @ mixing, there @ mixing)
    assert shifted.p_value == pytest.approx(1 / 20)
    assert shifted.auc == pytest.approx(norm.cdf(0.5 / np.sqrt(2)), abs=0.03)
    assert shifted.jets == (800, 800)


def test_p_values_of_alike_samples_are_uniform():
    values = []
    for seed in range(40):
        here, there = np.random.default_rng(seed).normal(size=(2, 60, 4))
        values.append(two_sample(here, there, seed=seed).p_value)
    assert 0.35 < np.mean(values) < 0.65
    assert np.mean(np.array(values) <= 0.1) <= 0.25


def test_balancing_takes_as_many_of_each_class():
    here, there = np.array([0, 0, 0, 1, 1, -1]), np.array([1, 0, 1, 1, 2])
    rows, others = balanced_rows(here, there)
    assert sorted(here[rows]) == sorted(there[others]) == [0, 1, 1]
    rows, others = balanced_rows(here, np.full(4, -1))
    assert (len(rows), len(others)) == (0, 0)


def sides(mix: float, *, labelled: bool = True) -> tuple[Side, Side]:
    """Two data sets that differ in how many jets of each class there are, and in nothing else."""
    rng = np.random.default_rng(0)
    parts = []
    for fraction in (0.5, mix):
        target = (rng.random(1000) < fraction).astype(int)
        above = np.clip(0.3 * target + rng.random(1000) * 0.7, 0, 1)
        vectors = rng.normal(size=(1000, 3)) + 2 * target[:, np.newaxis]
        embedded = np.arange(1000) % 2 == 0
        jets = JetData({}, embedded, vectors[embedded].astype(np.float32))
        scores = np.stack([1 - above, above], axis=1)
        scores[0] = np.nan
        parts.append((scores, target, jets))
    (scores, target, jets) = parts[1]
    return Side(*parts[0]), Side(scores, target if labelled else np.full(1000, -1), jets)


def test_other_fractions_of_the_classes_are_no_shift_where_the_truth_is_known():
    point = WorkingPoint(
        name="Hbb_loose",
        signal=("Hbb",),
        background=("QCD",),
        cut=0.6,
        signal_efficiency=0.6,
        background_efficiency=0.1,
    )
    known = measure_shift(*sides(0.8), CLASSES, [point], "other")
    assert known.balanced
    assert known.tests[0].selection == "all jets"
    assert known.tests[0].p_value > 0.05
    assert [test.selection for test in known.tests] == ["all jets", "Hbb_loose"]
    assert [(part.working_point, part.jets) for part in known.points] == [("Hbb_loose", "Hbb"), ("Hbb_loose", "QCD")]
    for part in known.points:
        assert part.here[0] == pytest.approx(part.there[0], abs=0.1)
    blind = measure_shift(*sides(0.8, labelled=False), CLASSES, [point], "other")
    assert not blind.balanced
    assert blind.tests[0].p_value == pytest.approx(1 / 20)
    assert [part.jets for part in blind.points] == ["all jets"]
    assert blind.points[0].there[0] > blind.points[0].here[0] + 0.05


def test_data_without_a_class_in_common_are_compared_as_they_are():
    here, there = sides(1.0)
    kept = here.target == 0
    here = Side(here.scores[kept], here.target[kept], here.jets.take(kept))
    shift = measure_shift(here, there, CLASSES, [], "other")
    assert not shift.balanced
    assert shift.tests[0].auc > 0.9


def test_without_embedding_only_efficiencies_are_compared():
    here, there = sides(0.5)
    here.jets = JetData()
    assert measure_shift(here, there, CLASSES, [], "other").tests == []


def test_the_map_finds_the_directions_of_most_variance():
    rng = np.random.default_rng(0)
    along = rng.normal(size=500)
    vectors = np.stack([along, -3 * along, rng.normal(size=500), np.ones(500)], axis=1).astype(np.float32)
    points, fractions = principal_map(vectors)
    assert np.abs(np.corrcoef(points[:, 0], along)[0, 1]) == pytest.approx(1, abs=1e-2)
    assert fractions == pytest.approx([2 / 3, 1 / 3], abs=0.05)
    points, fractions = principal_map(vectors[:, :1])
    assert points[:, 1] == pytest.approx(0)
    assert fractions == pytest.approx([1, 0])
