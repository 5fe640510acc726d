from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from random_jets import CLASSES, FIELDS, LEVEL
from random_weights import spread_weights

from coffea_fm.errors import RecipeError
from coffea_fm.export import export_checkpoint
from coffea_fm.methods.parts import fixed_teacher
from coffea_fm.methods.parts.fixed_teacher import FixedTeacher
from coffea_fm.methods.supervised.distillation import Distillation, DistillationConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Batch, Examples, padded_batches
from coffea_fm.nn.checkpoint import NetworkConfig, load_checkpoint, load_tensors, save_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import jet_level, token_level
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


def network(classes: tuple[str, ...] = CLASSES, *, dim: int = 16, fields: tuple[str, ...] = FIELDS) -> NetworkConfig:
    level = jet_level((token_level("constituents", fields, minimum=1, maximum=128),), LEVEL.names)
    backbone = SetTransformerConfig(dim=dim, layers=1, heads=2, features="full" if fields == FIELDS else "kinematic")
    return NetworkConfig(level=level, backbone=backbone, head=ClassificationHeadConfig(), classes=classes)


def save_teacher(folder: Path, config: NetworkConfig) -> Path:
    torch.manual_seed(1)
    model = config.build()
    spread_weights(model)
    save_checkpoint(folder, model.state_dict(), config, {"data": "none"})
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that is wider than the student and has the classes in another order."""
    return save_teacher(tmp_path_factory.mktemp("teacher") / "best", network(CLASSES[::-1], dim=24))


def student(teacher: Path, **settings: float) -> Distillation:
    torch.manual_seed(0)
    model = network(fields=("pt", "eta", "phi")).build()
    spread_weights(model)
    return Distillation(DistillationConfig(teacher=str(teacher), **settings), model)


def batch_of(method: Distillation, data: ShardDataset, folder: Path) -> Batch:
    extended = data.with_columns(method.columns(data, folder))
    packed, columns = extended.read(extended.row_groups[:1])
    examples = Examples(packed, columns, np.ones(len(packed), np.float32)).take(np.arange(6))
    (batch,) = padded_batches(examples, data.level, 10**6)
    return batch


@pytest.fixture
def data(shards: Path) -> ShardDataset:
    return ShardDataset(shards / "train", network(fields=("pt", "eta", "phi")).level)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_loss_by_hand(teacher: Path, data: ShardDataset, tmp_path: Path, temperature: float) -> None:
    method = student(teacher, temperature=temperature, soft=0.7, embedding=0.5)
    part = batch_of(method, data, tmp_path)
    found = method(part)
    embedding = method.model.known(part.inputs)["embedding"]
    z = method.model.head(embedding).detach().numpy().astype(np.float64)
    t = part.columns["teacher_logits"].numpy().astype(np.float64)
    for row, label in enumerate(part.columns["target"].tolist()):
        p, q = (np.exp(v / temperature) / np.exp(v / temperature).sum() for v in (t[row], z[row]))
        divergence = temperature**2 * (p * np.log(p / q)).sum()
        cross_entropy = -np.log(np.exp(z[row, label]) / np.exp(z[row]).sum())
        ours, theirs = method.project(embedding)[row].detach(), part.columns["teacher_embedding"][row]
        distance = 1 - float(ours @ theirs / ours.norm() / theirs.norm())
        expected = 0.7 * divergence + 0.3 * cross_entropy + 0.5 * distance
        assert found["divergence"][row].item() == pytest.approx(divergence, rel=1e-3, abs=1e-5)
        assert found["loss"][row].item() == pytest.approx(expected, rel=1e-3)


def test_no_gradient_where_student_and_teacher_agree_and_a_size_independent_of_temperature(
    teacher: Path, data: ShardDataset, tmp_path: Path
) -> None:
    gradients = {}
    for temperature in (20.0, 40.0):
        method = student(teacher, temperature=temperature, soft=1.0)
        part = batch_of(method, data, tmp_path)
        method(part)["loss"].sum().backward()
        gradients[temperature] = method.model.head.layers[1].weight.grad
    assert gradients[20.0].abs().max() > 1e-2
    torch.testing.assert_close(gradients[20.0], gradients[40.0], rtol=0.05, atol=1e-3)
    logits = method.model(part.inputs).detach()
    same = part._replace(columns=part.columns | {"teacher_logits": logits + 3.0})
    method.zero_grad()
    found = method(same)
    found["loss"].sum().backward()
    assert found["divergence"].abs().max() < 1e-5
    assert max(parameter.grad.abs().max().item() for parameter in method.parameters()) < 1e-4


def test_answers_belong_to_their_jets_and_are_computed_once(
    teacher: Path, data: ShardDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = student(teacher)
    chosen = np.arange(data.n_sets) % 3 != 1
    some = ShardDataset(data.folder, data.level, chosen)
    whole, part = method.columns(data, tmp_path)["teacher_logits"], method.columns(some, tmp_path)["teacher_logits"]
    np.testing.assert_allclose(part, whole[chosen], atol=1e-5)
    model, _ = load_checkpoint(teacher)
    packed, columns = ShardDataset(data.folder, model.level).read([data.row_groups[2]])
    (batch,) = padded_batches(Examples(packed.take(np.array([5])), {}, np.ones(1, np.float32)), model.level, 10**6)
    start = sum(group.n_sets for group in data.row_groups[:2])
    expected = model(batch.inputs).detach().numpy()[0, ::-1]  # the classes of the teacher are in another order
    np.testing.assert_allclose(whole[start + 5], expected, atol=1e-5)
    extended = some.with_columns({"row": np.arange(some.n_sets)})
    _, columns = extended.read([extended.row_groups[3], extended.row_groups[1]])
    ends = np.cumsum([group.n_sets for group in some.row_groups])
    assert columns["row"].tolist() == [*range(ends[2], ends[3]), *range(ends[0], ends[1])]
    assert len(columns["target"]) == len(columns["row"])
    monkeypatch.setattr(fixed_teacher, "load_checkpoint", lambda _: pytest.fail("the teacher was asked again"))
    np.testing.assert_array_equal(method.columns(some, tmp_path)["teacher_logits"], part)


def test_a_bundle_gives_the_same_scores(teacher: Path, data: ShardDataset, shards: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    export_checkpoint(teacher, bundle, data=shards / "validation")
    answers = {name: FixedTeacher.open(str(name)).answers(data, tmp_path) for name in (teacher, bundle)}
    of_checkpoint, of_bundle = answers.values()
    scores = [torch.from_numpy(found["teacher_logits"]).softmax(dim=1).numpy() for found in (of_checkpoint, of_bundle)]
    np.testing.assert_allclose(*scores, atol=1e-4)
    np.testing.assert_allclose(of_checkpoint["teacher_embedding"], of_bundle["teacher_embedding"], atol=1e-3)


def test_what_cannot_teach_is_refused(tmp_path: Path) -> None:
    other = save_teacher(tmp_path / "other", network((*CLASSES, "third")))
    with pytest.raises(RecipeError, match="has the classes narrow, wide, third, and the shards have narrow, wide"):
        student(other)
    without_head = network().model_copy(update={"head": None})
    with pytest.raises(RecipeError, match="does not classify jets"):
        student(save_teacher(tmp_path / "bare", without_head))


def test_the_loss_falls_and_the_teacher_is_in_no_file(teacher: Path, make_recipe: MakeRecipe, tmp_path: Path) -> None:
    method = {"kind": "distillation", "teacher": str(teacher), "soft": 1.0, "embedding": 0.1}
    result = pretrain(make_recipe(method=method, training={"seen": 2500}), tmp_path / "runs", show_progress=False)
    with (result.folder / "log.csv").open() as file:
        losses = [float(row["validation_divergence"]) for row in csv.DictReader(file) if row["validation_divergence"]]
    assert losses[-1] < 0.7 * losses[0]
    model, checkpoint = load_checkpoint(result.best)
    assert checkpoint.network.classes == CLASSES
    weights, _ = load_tensors(result.best / "model.safetensors")
    assert set(weights) == set(model.state_dict())
    state, _ = load_tensors(result.folder / "last" / "state.safetensors")
    assert not any("teacher" in name for name in state)
    assert len(list((tmp_path / "runs" / "columns").glob("*.npy"))) == 2  # training and validation
