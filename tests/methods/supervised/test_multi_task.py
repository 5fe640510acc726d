from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_jets import CLASSES, LEVEL

from coffea_fm.errors import InputError
from coffea_fm.export import export_checkpoint
from coffea_fm.methods.masked.particles import MaskedConfig, MaskedParticleModelling
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.methods.supervised.multi_task import MultiTask, MultiTaskConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.checkpoint import NetworkConfig, load_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.shards import ShardDataset
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe

MASKED = {"hidden": 0.4, "decoder": {"dim": 8, "heads": 2}, "targets": {"kmeans": {"codes": 8}, "id": {}}}
REGRESSION = {"targets": ["mass_raw", "pt_raw"]}


def method_and_part(data: ShardDataset, **settings: Any) -> tuple[MultiTask, MaskedJets]:
    torch.manual_seed(0)
    backbone = SetTransformerConfig(dim=16, layers=1, heads=2)
    level = data.level
    model = NetworkConfig(level=level, backbone=backbone, head=ClassificationHeadConfig(), classes=CLASSES).build()
    config = MultiTaskConfig.model_validate({"masked": MASKED, "regression": REGRESSION, **settings})
    method = config.build(model)
    method.prepare(data, 0)
    packed, columns = data.read(data.row_groups[:1])
    examples = Examples(packed, columns, np.ones(len(packed), np.float32)).take(np.arange(12))
    (part,) = method.parts(examples, level, 10**6, torch.device("cpu"), np.random.default_rng(0))
    return method.eval(), part


@pytest.fixture
def data(shards: Path) -> ShardDataset:
    members = (replace(LEVEL.members[0], maximum=128),)
    return ShardDataset(shards / "train", replace(LEVEL, members=members))


@torch.no_grad()
def test_the_loss_is_the_weighted_sum_of_those_of_the_single_methods(data: ShardDataset) -> None:
    method, part = method_and_part(data, masked_weight=0.3, regression_weight=2.0)
    found = method(part)
    logits = method.model(part.whole)
    classification = torch.nn.functional.cross_entropy(logits, part.columns["target"], reduction="none")
    torch.testing.assert_close(found["classification"], classification)
    alone = MaskedParticleModelling(MaskedConfig.model_validate(MASKED), method.model).eval()
    alone.predictor, alone.targets = method.predictor, method.targets
    torch.testing.assert_close(found["masked"], alone(part)["loss"])
    head = method.regression
    columns = data.scalars("mass_raw", "pt_raw")
    values = np.stack([columns["mass_raw"], columns["pt_raw"]]).astype(np.float64)
    wanted = torch.stack([part.columns["mass_raw"], part.columns["pt_raw"]], dim=1)
    wanted = (wanted - torch.from_numpy(values.mean(axis=1))) / torch.from_numpy(values.std(axis=1))
    predicted = head(method.model.backbone(part.whole).embedding)
    torch.testing.assert_close(found["error"], (predicted - wanted).abs().mean(dim=1).float(), atol=1e-4, rtol=0)
    smooth = torch.nn.functional.smooth_l1_loss(predicted, wanted.float(), reduction="none").mean(dim=1)
    expected = classification + 0.3 * found["masked"] + 2.0 * smooth
    torch.testing.assert_close(found["loss"], expected, atol=1e-4, rtol=0)


def test_every_task_trains_the_backbone_and_the_columns_are_those_of_the_jets(data: ShardDataset) -> None:
    method, part = method_and_part(data)
    jet_pt = part.whole.values[:, data.level.names.index("pt_raw")]
    torch.testing.assert_close(part.columns["pt_raw"], jet_pt)
    for name in ("classification", "masked", "error"):
        method.zero_grad()
        method(part)[name].sum().backward()
        assert method.model.backbone.embed[0].weight.grad.abs().max() > 0, name


def test_the_losses_fall_and_the_model_is_a_tagger(
    make_recipe: Callable[..., Recipe], shards: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(
        method={"kind": "multi-task", "masked": MASKED, "regression": REGRESSION}, training={"seen": 2000, "lr": 1e-2}
    )
    result = pretrain(recipe, tmp_path / "runs", show_progress=False)
    with (result.folder / "log.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["validation_loss"]]
    for name in ("classification", "masked", "error"):
        assert float(rows[-1][f"validation_{name}"]) < float(rows[0][f"validation_{name}"]), name
    assert float(rows[-1]["validation_accuracy"]) > 0.9
    assert load_checkpoint(result.best)[1].network.classes == CLASSES
    manifest = export_checkpoint(result.best, tmp_path / "bundle", data=shards / "validation")
    assert [output.name for output in manifest.outputs] == ["scores", "embedding"]


def test_a_column_that_is_missing_is_named(data: ShardDataset) -> None:
    with pytest.raises(InputError, match="no column 'gen_mass'"):
        method_and_part(data, regression={"targets": ["gen_mass"]})
