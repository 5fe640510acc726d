"""One training for everything that needs a trained network."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from random_jets import as_awkward, write_random_shards
from scipy.stats import wasserstein_distance

import coffea_fm
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.methods.flow.jets import JetFlow, JetFlowConfig
from coffea_fm.methods.flow.omnilearn import OmniLearn, OmniLearnConfig
from coffea_fm.methods.parts.generation.flow import FlowGenerator
from coffea_fm.methods.parts.generation.sampling import SamplingConfig
from coffea_fm.nn.batches import make_inputs as padded
from coffea_fm.nn.checkpoint import load_checkpoint, save_checkpoint
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level, Packed
from coffea_fm.training import Recipe, finetune, pretrain
from coffea_fm.training.generation.load import load_generator
from coffea_fm.training.generation.substructure import OBSERVABLES

TRACK = ["d0", "d0_error", "dz", "dz_error"]
SIZE: dict[str, Any] = {"dim": 16, "layers": 1, "heads": 2, "class_layers": 1, "neighbours": 3}
BACKBONE: dict[str, Any] = {"kind": "pet2", **SIZE, "pair_bias": False, "features": "kinematic", "time": True}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("omnilearn")
    write_random_shards(folder / "train", (120, 80, 90, 110))
    write_random_shards(folder / "validation", (50, 50), seed=100)
    pretrain(recipe(folder, "omnilearn"), folder / "runs", show_progress=False)
    return folder


def recipe(folder: Path, kind: str, **sections: Any) -> Recipe:
    content = {
        "name": kind,
        "inputs": {"fields": ["pt", "eta", "phi", "mass"], "max_tokens": 40},
        "backbone": BACKBONE | ({"feature_drop": 0.1} if kind == "omnilearn" else {}),  # may differ in fine-tuning
        "method": {"kind": kind} | ({"steps": 4} if kind == "omnilearn" else {}),
        "training": {
            "seen": 2400,
            "batch_tokens": 1600,
            "micro_tokens": 1600,
            "lr": 5e-3,
            "ema": 0.9,
            "precision": "fp32",
            "validate_every": 1200,
        },
        "data": {"train": str(folder / "train"), "validation": str(folder / "validation"), "shuffle": 200},
    }
    return Recipe.model_validate(content | sections)


def test_it_learns_classes_and_the_flow_without_collapse(trained: Path) -> None:
    with (trained / "runs" / "omnilearn" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    last = [row for row in rows if row["validation_flow"]][-1]
    assert float(last["validation_flow"]) < 0.9 * float(rows[0]["train_flow"])
    assert float(last["validation_accuracy"]) > 0.8
    assert float(last["validation_embedding_rank"]) > 1.5  # two classes


@pytest.fixture(scope="module")
def real(trained: Path) -> list[tuple[int, Packed]]:
    """Real jets of each class."""
    data = ShardDataset(trained / "validation", recipe(trained, "omnilearn").level)
    return [(int(columns["target"][0]), packed) for packed, columns in data]


def generated(method: FlowGenerator, wide: int, packed: Packed, seed: int = 0) -> np.ndarray:
    """ln pT of generated particles."""
    classes, random = torch.full((len(packed),), wide), torch.Generator().manual_seed(seed)
    made = method.generate(padded(packed, method.backbone.level, 0), classes, SamplingConfig(), random)
    assert np.array_equal(made.members["constituents"].counts, packed.members["constituents"].counts)
    return log_pt(made)


def log_pt(packed: Packed) -> np.ndarray:
    return np.log(packed.members["constituents"].things.values[:, 0])


def test_generated_jets_come_nearer_to_real_ones(trained: Path, real: list[tuple[int, Packed]]) -> None:
    method, classes = load_generator(trained / "runs" / "omnilearn" / "last")
    assert classes == ("narrow", "wide")
    torch.manual_seed(0)
    fresh = OmniLearn(OmniLearnConfig(steps=4), recipe(trained, "omnilearn").network(classes).build()).eval()
    for wide, packed in real:
        before, after = (
            wasserstein_distance(generated(part, wide, packed), log_pt(packed)) for part in (fresh, method)
        )
        assert after < 0.6 * before
    assert np.array_equal(generated(method, *real[1]), generated(method, *real[1]))
    assert not np.array_equal(generated(method, *real[1]), generated(method, *real[1], seed=1))
    jets = padded(real[0][1], method.backbone.level, 0)
    with pytest.raises(RecipeError, match="a flow has no logits"):
        method.generate(jets, None, SamplingConfig(temperature=0.9), torch.Generator())


def test_generated_jets_are_written_and_compared(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With simple observables and an empty figure: those of substructure have tests of their own."""

    def simple(jets: Packed, _level: Level, *, massless: bool) -> dict[str, np.ndarray]:
        assert massless
        return dict.fromkeys(OBSERVABLES, jets.values[:, 0].astype(np.float64))

    monkeypatch.setattr("coffea_fm.training.generation.generate.observables", simple)
    monkeypatch.setattr("coffea_fm.training.generation.generate.draw_generated", lambda *_args, **_options: Figure())
    checkpoint = trained / "runs" / "omnilearn" / "last"
    found = coffea_fm.generate(checkpoint, tmp_path / "made", 40, data=trained / "validation")
    assert found.comparisons["all"].jets == {"reference": 40, "real": 40, "generated": 40}
    assert ShardDataset(tmp_path / "made").n_sets == 40
    with pytest.raises(InputError, match="give a folder of shards with such jets"):
        coffea_fm.generate(checkpoint, tmp_path / "more", 4)


def test_the_exported_classifier_is_the_pass_at_time_0(
    trained: Path, tmp_path: Path, real: list[tuple[int, Packed]]
) -> None:
    checkpoint = trained / "runs" / "omnilearn" / "best"
    coffea_fm.export(checkpoint, tmp_path / "bundle", data=trained / "validation")
    packed, model = real[1][1], load_checkpoint(checkpoint)[0]
    scores = coffea_fm.load(tmp_path / "bundle")(as_awkward(packed, model.level))
    inputs = padded(packed, model.level, 0)
    with torch.no_grad():
        body = model.backbone.body(model.backbone.features(inputs), torch.zeros(len(packed)))
        expected = model.head(model.backbone.embedding(body)).softmax(dim=1)
    found = np.stack([scores[name].to_numpy() for name in ("narrow", "wide")], axis=1)
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def test_it_is_fine_tuned_for_classes_and_for_generation(trained: Path, tmp_path: Path) -> None:
    short = recipe(trained, "supervised").training.model_copy(update={"seen": 600, "validate_every": 600})
    start = {"checkpoint": str(trained / "runs" / "omnilearn" / "last"), "mode": "full", "head_lr": 5.0}
    tuned = recipe(trained, "supervised", start=start, training=short)
    assert finetune(tuned, tmp_path, show_progress=False).metrics["accuracy"] > 0.8
    made = recipe(trained, "jet-flow", start=start, training=short, method={"kind": "jet-flow", "classes": 2})
    finetune(made, tmp_path, show_progress=False)
    before, _ = load_generator(trained / "runs" / "omnilearn" / "last")
    after, _ = load_generator(tmp_path / "jet-flow" / "last")
    assert after.model.head is None
    assert not torch.equal(after.generator.out.weight, before.generator.out.weight)


def test_the_flow_starts_from_the_generator_but_for_its_last_layer(trained: Path) -> None:
    folder = trained / "runs" / "omnilearn" / "last"
    before, _ = load_generator(folder)
    torch.manual_seed(5)
    fresh = JetFlow(JetFlowConfig(classes=2), Model(before.model.backbone), 2)
    other = JetFlow(JetFlowConfig(classes=3), Model(before.model.backbone), 3)
    last = fresh.generator.out.weight.clone()
    for flow in (fresh, other):
        flow.start_from(folder)
        assert torch.equal(flow.generator.blocks[0].mlp.fc1.weight, before.generator.blocks[0].mlp.fc1.weight)
    assert torch.equal(fresh.generator.out.weight, last)
    assert torch.equal(fresh.generator.embed_class[0].weight, before.generator.embed_class[0].weight)
    fresh.start_from(trained)  # nothing there


def test_the_number_of_classes_must_be_that_of_the_data(trained: Path, tmp_path: Path) -> None:
    wrong = recipe(trained, "jet-flow", method={"kind": "jet-flow", "classes": 3})
    with pytest.raises(RecipeError, match=r"method\.classes is 3, but .* has 2: narrow, wide"):
        pretrain(wrong, tmp_path, show_progress=False)


@pytest.mark.parametrize("further", [["pdgId", *TRACK], [*TRACK, "pdgId"], [*TRACK, "pdgId", "charge"]])
def test_types_and_impact_parameters_are_kept_with_and_without_charge(
    trained: Path, tmp_path: Path, further: list[str]
) -> None:
    """What is missing of a particle is that of the real one, so no charge is needed to know it."""
    fields = ["pt", "eta", "phi", "mass", *further]
    made = recipe(
        trained,
        "jet-flow",
        inputs={"fields": fields, "max_tokens": 40},
        backbone=BACKBONE | {"features": "identified"},
        method={"kind": "jet-flow", "steps": 1},
    )
    network = made.network(("narrow", "wide"))
    method = made.method.build(network.build())
    save_checkpoint(tmp_path / "best", method.model.state_dict(), network, {})
    method.describe(tmp_path / "best")
    coffea_fm.generate(tmp_path / "best", tmp_path / "made", 10, data=trained / "validation")
    data = ShardDataset(tmp_path / "made")
    assert data.level.members[0].names == tuple(fields)
    tokens = data.read(data.row_groups)[0].members["constituents"].things
    columns = dict(zip(fields, tokens.values.T, strict=True))
    neutral = np.isin(columns["pdgId"], (22, 130))
    assert 0 < neutral.mean() < 1
    assert np.isin(columns["pdgId"], (22, 130, 11, -11, 13, -13, 211, -211)).all()
    np.testing.assert_array_equal(tokens.missing, np.repeat(neutral[:, np.newaxis], 4, axis=1))
    for name in TRACK:
        np.testing.assert_array_equal(columns[name] == 0, neutral)
