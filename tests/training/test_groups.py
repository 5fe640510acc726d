"""Jets with constituents and vertices: several groups of tokens in one network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_jets import CLASSES, FIELDS, random_jets

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.views import augment
from coffea_fm.methods.parts.views.rotation import Rotation
from coffea_fm.methods.parts.views.splitting import Splitting
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import Source, write_shard
from coffea_fm.tokens import VERTEX_FIELDS, Members, Packed, jet_level, token_level
from coffea_fm.training import Recipe, pretrain

MakeRecipe = Callable[..., Recipe]
VERTICES = tuple(VERTEX_FIELDS)
LEVEL = jet_level(
    (token_level("constituents", FIELDS, minimum=1), token_level("vertices", VERTICES, maximum=8)),
    ("pt_raw", "eta", "phi", "mass_raw"),
)
GROUPS = {"constituents": {"fields": list(FIELDS)}, "vertices": {"fields": list(VERTICES), "max_tokens": 8}}


def jets_with_vertices(n_jets: int, seed: int) -> tuple[Packed, np.ndarray]:
    """Jets of both classes alike, but for their vertices: the second class has those of large mass."""
    rng = np.random.default_rng(seed)
    packed, _ = random_jets(n_jets, seed, wide=0)
    target, counts = rng.integers(0, 2, n_jets), rng.integers(0, 4, n_jets)
    jet = np.repeat(np.arange(n_jets), counts)
    columns = {name: np.ones(len(jet)) for name in VERTICES}
    columns |= {"eta": packed.values[jet, 1], "phi": packed.values[jet, 2]}
    columns |= {"pt": 100.0 - np.arange(len(jet)) / len(jet), "mass": np.where(target[jet] == 1, 4.0, 0.5)}
    values = np.stack([columns[name] for name in VERTICES], axis=1).astype(np.float32)
    missing = np.zeros((len(jet), len(LEVEL.members[1].missing_names)), dtype=bool)
    return replace(packed, members={**packed.members, "vertices": Members(counts, Packed(values, missing))}), target


@pytest.fixture
def groups(tmp_path: Path) -> dict[str, Any]:
    """The sections ``inputs`` and ``data`` of a recipe of such jets."""
    for name, n_jets, seed in (("train", 400, 0), ("validation", 200, 1)):
        packed, target = jets_with_vertices(n_jets, seed)
        source = Source(dataset=name, file="f", start=0, stop=n_jets)
        write_shard(
            tmp_path / name / "a.parquet", packed, LEVEL, columns={"target": target}, classes=CLASSES, source=source
        )
    return {
        "inputs": {"groups": GROUPS, "fields": []},
        "data": {name: str(tmp_path / name) for name in ("train", "validation")} | {"reweight": None},
    }


def test_what_only_vertices_tell_is_learned(make_recipe: MakeRecipe, groups: dict[str, Any], tmp_path: Path) -> None:
    result = pretrain(make_recipe(**groups, training={"seen": 4000}), tmp_path / "runs", show_progress=False)
    assert result.metrics["accuracy"] > 0.8  # a quarter of the jets have no vertex
    assert load_checkpoint(result.best)[0].level == LEVEL


def test_frames_move_all_groups_and_other_changes_the_first() -> None:
    packed, _ = jets_with_vertices(50, seed=3)
    packed.members["vertices"].things.values[:, 1] += 0.1
    after = augment(packed, LEVEL, (Rotation(), Splitting()), np.random.default_rng(0))
    before, moved = packed.members["vertices"], after.members["vertices"]
    np.testing.assert_array_equal(before.counts, moved.counts)
    eta, phi = (moved.things.values[:, column] - packed.values[before.parents, column] for column in (1, 2))
    np.testing.assert_allclose(np.hypot(eta, (phi + np.pi) % (2 * np.pi) - np.pi), 0.1, atol=1e-5)
    assert np.ptp(eta) > 0.1
    assert after.members["constituents"].counts.sum() > packed.members["constituents"].counts.sum()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"method": {"kind": "masked-particle-modelling", "targets": {"id": {}}}},
            "inputs.groups: the method masked-particle-modelling supports one group of tokens, not constituents, vert",
        ),
        ({"inputs": {"groups": GROUPS, "fields": ["pt"]}}, "fields: where groups are given, each has its own"),
        ({"inputs": {"groups": {"hits": {"fields": ["pt"]}}, "fields": []}}, "unknown tokens 'hits'"),
        ({"inputs": {"fields": []}}, "fields: name the fields of the tokens to read, or give groups"),
    ],
)
def test_groups_that_do_not_work_are_named(make_recipe: MakeRecipe, sections: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make_recipe(**({"inputs": {"groups": GROUPS, "fields": []}} | sections))
