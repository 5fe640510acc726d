"""Jets through a method, to train or to validate it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from coffea_fm.methods.method import Method
from coffea_fm.nn.batches import Examples, padded_batches, set_lengths
from coffea_fm.nn.build import Model
from coffea_fm.nn.event_batches import event_batches
from coffea_fm.nn.events import EventModel
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import InputSpec
from coffea_fm.training.data.sampling import Stream, generator, split_by_tokens
from coffea_fm.training.data.weights import Weights
from coffea_fm.training.loop.collapse import embedding_rank, embedding_spread
from coffea_fm.training.loop.parallel import added
from coffea_fm.training.recipe.sections import TrainingConfig

WATCHED_JETS = 2000


def metrics_of_parts(
    method: Method,
    examples: Examples,
    spec: InputSpec,
    micro_tokens: int,
    fabric: Fabric,
    random: np.random.Generator,
) -> Iterator[tuple[Any, Tensor]]:
    """Each part of the jets of a step, and the metrics of its jets, float32 [metrics, sets].

    All randomness, also that of layers, comes from `random`.
    """
    torch.manual_seed(int(random.integers(2**63)))
    for part in method.parts(examples, spec, micro_tokens, fabric.device, random):
        with fabric.autocast():
            metrics = method(part)
        yield part, torch.stack([metrics[name] for name in method.metrics])


@torch.no_grad()
def validation_metrics(
    method: Method, data: ShardDataset, weights: Weights, config: TrainingConfig, fabric: Fabric
) -> dict[str, float]:
    """Weighted means of the metrics over all jets, shared among the processes, and how much the embeddings differ."""
    sums = torch.zeros(len(method.metrics) + 1, device=fabric.device)
    embeddings: list[Tensor] = []
    watched = -(-WATCHED_JETS // len(data.row_groups))
    for index, (packed, columns) in enumerate(data):
        examples = Examples.of(packed, columns, weights)
        steps = split_by_tokens(np.arange(len(packed)), set_lengths(packed), config.batch_tokens)
        for number, sets in enumerate(steps):
            if number % fabric.world_size == fabric.global_rank:
                random = generator(config.seed, Stream.VALIDATION, index, number)
                taken = examples.take(sets)
                for part, metrics in metrics_of_parts(method, taken, data.spec, config.micro_tokens, fabric, random):
                    sums[:-1] += (metrics * part.weight).sum(dim=1)
                    sums[-1] += part.weight.sum()
        first = examples.take(np.arange(min(watched, len(packed))))
        embeddings += _embeddings(method.model, first, data, config.micro_tokens, fabric.device)
    sums = added(fabric, sums)
    means = dict(zip(method.metrics, (sums[:-1] / sums[-1]).tolist(), strict=True))
    vectors = torch.cat(embeddings)
    return means | {"embedding_rank": embedding_rank(vectors), "embedding_spread": embedding_spread(vectors)}


def _embeddings(
    model: Model, examples: Examples, data: ShardDataset, micro_tokens: int, device: torch.device
) -> Iterator[Tensor]:
    if isinstance(model, EventModel):
        for events in event_batches(examples, data.jets, model.head.collection, micro_tokens, device):
            yield model.embeddings(events.inputs)[events.inputs.mask].float()
    else:
        for batch in padded_batches(examples, data.spec, micro_tokens, device):
            yield model.backbone(batch.inputs).embedding.float()
