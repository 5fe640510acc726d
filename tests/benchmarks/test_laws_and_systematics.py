"""What ``make benchmark-laws`` and ``make benchmark-systematics`` train on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from random_jets import CLASSES, LEVEL, random_jets

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset, Source, write_shard

FOLDER = Path(__file__).parents[2] / "benchmarks" / "pretraining"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch):
    """The folder of the scripts can be imported from, and what was imported is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


def write(folder: Path, jets: int, seed: int) -> None:
    packed, target = random_jets(jets, seed)
    columns = {"target": target, "weight": np.ones(jets, np.float32), "msoftdrop": np.arange(jets, dtype=np.float32)}
    source = Source(dataset="jets", file="jets", start=0, stop=jets)
    write_shard(folder / source.shard_name, packed, LEVEL, columns=columns, classes=CLASSES, source=source)


@pytest.mark.usefixtures("scripts")
def test_the_points_of_the_laws(tmp_path):
    pytest.importorskip("pythia8mc")
    from encoders import recipe_of
    from scaling import Laws

    laws = Laws(**yaml.safe_load((FOLDER / "scaling.yaml").read_text()))
    points = laws.points()
    assert len(set(points)) == len(points) == 3 * (2 * (3 + 3 + 4) + 2)
    (tmp_path / "tokenizer").mkdir()
    study = laws.study(tmp_path, str(tmp_path / "tokenizer"))
    for point in points:
        recipe = recipe_of(study, point.name)
        assert recipe.training.seen == point.seen
        assert recipe.training.lr * recipe.backbone.dim == pytest.approx(laws.learning_rate)
        assert recipe.data.train.name == f"train-{point.jets}"
        assert getattr(recipe.backbone, "causal", False) == (point.method == "next-token")


@pytest.mark.usefixtures("scripts")
def test_subsets_are_nested(tmp_path):
    from subsets import subset

    write(tmp_path / "shards" / "train", 80, 0)
    few, many = (
        set(ShardDataset(subset(tmp_path, "train", number)).scalars("msoftdrop")["msoftdrop"]) for number in (20, 50)
    )
    assert len(few) == 20
    assert len(many) == 50
    assert few < many
    with pytest.raises(InputError, match="has 80 jets, and 100 were asked for"):
        subset(tmp_path, "train", 100)


@pytest.mark.usefixtures("scripts")
def test_both_domains_and_no_class_of_the_data(tmp_path):
    pytest.importorskip("pythia8mc")
    from adversarial import domains

    write(tmp_path / "shards" / "train", 100, 0)
    for part, number in (("train", 90), ("validation", 30)):
        write(tmp_path / "shards" / f"data-{part}", number, 1)
    folder = domains(tmp_path, 50, 0)
    for part, number in (("train", 40), ("validation", 10)):
        columns = ShardDataset(folder / part).scalars("domain", "target")
        assert np.bincount(columns["domain"]).tolist() == [number, number]
        assert set(columns["target"][columns["domain"] == 1]) == {0}
        assert set(columns["target"][columns["domain"] == 0]) == {0, 1}
    pts = [ShardDataset(tmp_path / "shards" / name).scalars("pt_raw")["pt_raw"] for name in ("train", "data-train")]
    packed = ShardDataset(folder / "train")
    columns = packed.scalars("domain", "pt_raw")
    for domain, known in enumerate(pts):
        assert np.isin(columns["pt_raw"][columns["domain"] == domain], known).all()


@pytest.mark.usefixtures("scripts")
def test_fractions_of_the_data_are_drawn_and_known_to_the_seed():
    pytest.importorskip("pythia8mc")
    from pseudo_data import fractions

    found = fractions(2.0, 12)
    assert found.sum() == pytest.approx(1)
    assert found.max() > 2 * found.min()
    np.testing.assert_array_equal(found, fractions(2.0, 12))
    assert not np.array_equal(found, fractions(2.0, 13))
