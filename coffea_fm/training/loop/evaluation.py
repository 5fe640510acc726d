"""Evaluate a method on examples, for training and validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from coffea_fm.methods.method import Method
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level, Packed
from coffea_fm.training.data.sampling import Stream, generator, split_by_tokens
from coffea_fm.training.data.weights import Weights
from coffea_fm.training.loop.collapse import embedding_rank, embedding_spread
from coffea_fm.training.loop.parallel import added, gathered
from coffea_fm.training.recipe.sections import TrainingConfig

WATCHED = 2000
"""Number of jets or events used to monitor the embeddings."""


def metrics_of_parts(
    method: Method,
    examples: Examples,
    level: Level,
    micro_tokens: int,
    fabric: Fabric,
    random: np.random.Generator,
) -> Iterator[tuple[Any, Tensor]]:
    """Yield each part of the examples of a step with its metrics, float32 [metrics, n].

    All randomness, including dropout, is seeded from `random`, so that a resumed run repeats the same numbers.
    """
    torch.manual_seed(int(random.integers(2**63)))
    for part in method.parts(examples, level, micro_tokens, fabric.device, random):
        with fabric.autocast():
            metrics = method(part)
        yield part, torch.stack([metrics[name] for name in method.metrics])


@torch.no_grad()
def validation_metrics(
    method: Method, data: ShardDataset, weights: Weights, config: TrainingConfig, fabric: Fabric
) -> dict[str, float]:
    """Weighted means of the metrics over all processes, and rank and spread of the embeddings."""
    sums = torch.zeros(len(method.metrics) + 1, device=fabric.device)
    embeddings: list[Tensor] = []
    watched = -(-WATCHED // len(data.row_groups))
    by_groups = len(data.row_groups) >= fabric.world_size
    for index, group in enumerate(data.row_groups):
        mine = index % fabric.world_size == fabric.global_rank
        if by_groups and not mine:
            continue
        packed, columns = data.read([group])
        examples = Examples.of(packed, columns, weights)
        steps = split_by_tokens(np.arange(len(packed)), packed.n_tokens, config.batch_tokens)
        for number, rows in enumerate(steps):
            if by_groups or number % fabric.world_size == fabric.global_rank:
                random = generator(config.seed, Stream.VALIDATION, index, number)
                taken = examples.take(rows)
                for part, metrics in metrics_of_parts(method, taken, data.level, config.micro_tokens, fabric, random):
                    sums[:-1] += (metrics * part.weight).sum(dim=1)
                    sums[-1] += part.weight.sum()
        if mine:
            first = packed.take(np.arange(min(watched, len(packed))))
            embeddings += _embeddings(method.model, first, data.level, config.micro_tokens, fabric.device)
    sums = added(fabric, sums)
    means = dict(zip(method.metrics, (sums[:-1] / sums[-1]).tolist(), strict=True))
    vectors = gathered(fabric, embeddings, method.model.backbone.dim)
    return means | {"embedding_rank": embedding_rank(vectors), "embedding_spread": embedding_spread(vectors)}


def _embeddings(
    model: Model, packed: Packed, level: Level, micro_tokens: int, device: torch.device
) -> Iterator[Tensor]:
    """Embeddings of the jets that are the rows, or that the rows hold (events, or simulations of a jet), float32 [n, dim]."""
    if level.name != model.backbone.level.name:
        (level,) = level.members
        packed = packed.members[level.name].things
    if "embedding" in packed.known:
        yield torch.as_tensor(packed.known["embedding"], device=device)
        return
    for batch in padded_batches(Examples(packed, {}, np.ones(len(packed), np.float32)), level, micro_tokens, device):
        yield model.backbone(batch.inputs).embedding.float()
