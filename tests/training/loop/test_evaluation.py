"""The embeddings that are watched: of jets, of the jets of events, and of several simulations of a jet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from random_jets import LEVEL, random_jets
from random_weights import spread_weights
from torch import Tensor

from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.views.resimulation import simulations_of
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Batch, Examples
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import RowGroup
from coffea_fm.tokens import Level, Members, Packed, pad
from coffea_fm.training.loop.collapse import embedding_rank, embedding_spread
from coffea_fm.training.loop.evaluation import validation_metrics
from coffea_fm.training.recipe.sections import TrainingConfig

JETS = replace(LEVEL, name="FatJet", minimum=0, maximum=8)
EVENTS = Level("event", (), (JETS,))


class Nothing(Method):
    """A method that computes nothing."""

    def parts(self, examples: Examples, *_: Any) -> Iterator[Batch]:
        yield Batch(None, {}, torch.as_tensor(examples.weight))  # type: ignore[arg-type]

    def forward(self, part: Batch) -> dict[str, Tensor]:
        return {"loss": torch.zeros_like(part.weight)}


class Rows:
    """Rows in memory, in place of shards."""

    def __init__(self, packed: Packed, level: Level) -> None:
        self.packed, self.level, self.row_groups = packed, level, [None]

    def read(self, _: Sequence[RowGroup]) -> tuple[Packed, dict[str, Any]]:
        return self.packed, {"target": np.zeros(len(self.packed))}


def of_two_or_three(jets: Packed) -> Packed:
    counts = np.tile([2, 3], len(jets) // 5)
    return Packed(
        np.zeros((len(counts), 0), np.float32), np.zeros((len(counts), 0), bool), {"FatJet": Members(counts, jets)}
    )


def rows_of(kind: str, jets: Packed, embeddings: np.ndarray) -> tuple[Packed, Level, Level]:
    """The rows, their level, and that of the backbone."""
    match kind:
        case "jets":
            return jets, LEVEL, LEVEL
        case "jets with kept embeddings":
            return replace(jets, known={"embedding": embeddings}), LEVEL, LEVEL
        case "simulations":
            return of_two_or_three(jets), simulations_of(LEVEL), LEVEL
        case "events":
            return of_two_or_three(jets), EVENTS, JETS
        case _:
            bare = replace(jets, members={}, known={"embedding": embeddings})
            return of_two_or_three(bare), replace(EVENTS, members=(replace(JETS, members=()),)), JETS


@pytest.mark.parametrize(
    "kind", ["jets", "jets with kept embeddings", "simulations", "events", "events with kept embeddings"]
)
def test_all_jets_are_watched_whatever_the_rows_are(kind: str) -> None:
    jets, _ = random_jets(60)
    torch.manual_seed(0)
    backbone = SetTransformerConfig(dim=16, layers=1, heads=2).build(LEVEL)
    spread_weights(backbone)
    backbone.eval()
    with torch.no_grad():
        embeddings = backbone(Inputs.from_arrays(pad(jets, LEVEL), LEVEL)).embedding
    packed, level, backbone.level = rows_of(kind, jets, embeddings.numpy())
    model = Model(backbone, level=level if kind.startswith("events") else None)
    fabric = Fabric(accelerator="cpu", devices=1, plugins=[LightningEnvironment()])
    config = TrainingConfig(seen=1, micro_tokens=400)
    rows: Any = Rows(packed, level)
    ones: Any = lambda columns: np.ones(len(columns["target"]), np.float32)
    found = validation_metrics(Nothing(model), rows, ones, config, fabric)
    assert found["embedding_rank"] == pytest.approx(embedding_rank(embeddings), rel=1e-4)
    assert found["embedding_spread"] == pytest.approx(embedding_spread(embeddings), rel=1e-4)
    assert embedding_rank(embeddings) != pytest.approx(embedding_rank(embeddings[:24]), rel=1e-2)
