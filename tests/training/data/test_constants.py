from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from random_jets import LEVEL

from coffea_fm.errors import InputError
from coffea_fm.methods.masked.particles import MaskedConfig, MaskedParticleModelling
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import pad
from coffea_fm.training.data import constants
from coffea_fm.training.data.constants import ShardsWithConstants
from coffea_fm.training.loop.loop import Training
from coffea_fm.training.loop.parallel import launch
from coffea_fm.training.recipe.recipe import Recipe


@pytest.fixture
def tokenizer(train_data: ShardDataset) -> KMeansTokenizer:
    made = KMeansTokenizer(KMeansConfig(codes=16), LEVEL)
    made.fit(train_data, seed=0)
    return made


@pytest.mark.parametrize("limit", [0, 2**20], ids=["none-kept", "all-kept"])
def test_codes_are_those_of_the_particles_in_any_order(
    train_data: ShardDataset, tokenizer: KMeansTokenizer, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(constants, "MOST_BYTES", limit)
    calls: list[int] = []

    def codes(inputs: Inputs) -> torch.Tensor:
        calls.append(len(inputs.values))
        return tokenizer.codes(inputs)

    shards = ShardsWithConstants(train_data, {"kmeans_codes": codes})
    for groups in (train_data.row_groups, train_data.row_groups[::-1]):
        packed, _ = shards.read(groups)
        inputs = Inputs.from_arrays(pad(packed, LEVEL), LEVEL)
        found = inputs.tokens.known["kmeans_codes"].squeeze(-1)
        assert torch.equal(found[inputs.tokens.mask].long(), tokenizer.codes(inputs)[inputs.tokens.mask])
        assert found.max() > 0
    assert sum(calls) == train_data.n_sets * (2 if limit == 0 else 1)


def test_the_loss_is_the_same_with_stored_codes(train_data: ShardDataset) -> None:
    torch.manual_seed(0)
    backbone = SetTransformerConfig(dim=16, layers=1, heads=2).build(LEVEL)
    method = MaskedParticleModelling(
        MaskedConfig.model_validate({"targets": {"kmeans": {"codes": 8}}}), Model(backbone)
    )
    method.prepare(train_data, 0)
    shards = ShardsWithConstants(train_data, method.constants())
    losses = []
    for data in (train_data, shards):
        packed, columns = data.read(data.row_groups[:1])
        examples = Examples(packed, columns, np.ones(len(packed), dtype=np.float32))
        parts = method.parts(examples, LEVEL, 4096, torch.device("cpu"), np.random.default_rng(0))
        losses.append(torch.cat([method(part)["loss"] for part in parts]).detach())
    assert torch.equal(*losses)
    known = shards.read(shards.row_groups[:1])[0].members["constituents"].things.known["kmeans_codes"]
    assert known.dtype == np.int32
    assert len(np.unique(known)) > 1


@pytest.mark.parametrize("augmented", [False, True])
def test_augmented_jets_carry_no_codes_of_others(
    make_recipe: Callable[..., Recipe], tmp_path: Path, augmented: bool
) -> None:
    method = {"kind": "masked-particle-modelling", "targets": {"kmeans": {"codes": 8}}}
    recipe = make_recipe(method=method, training={"seen": 100, "augmentation": {"rotate": True} if augmented else {}})
    training = launch(lambda fabric: Training(recipe, tmp_path, fabric), 1, "fp32")
    assert isinstance(training.data, ShardsWithConstants) is not augmented
    assert isinstance(training.validation, ShardsWithConstants)


def test_what_shards_have_besides_is_kept(train_data: ShardDataset, tokenizer: KMeansTokenizer) -> None:
    numbers = np.arange(train_data.n_sets)
    kept = ShardsWithConstants(train_data.with_columns({"answers": numbers}), {"code": tokenizer.codes})
    _, columns = kept.read(kept.row_groups)
    np.testing.assert_array_equal(columns["answers"], numbers)
    with pytest.raises(InputError, match="the column 'answers' has 3 rows"):
        train_data.with_columns({"answers": numbers[:3]})
