"""Momentum contrast (MoCo, arXiv:1911.05722): find the other view of a jet among those of many earlier jets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import normalize

from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.losses.info_nce import info_nce
from coffea_fm.methods.parts.projector import Projector
from coffea_fm.methods.parts.queue import Queue, of_all_processes
from coffea_fm.methods.parts.teacher import Teacher, TeacherConfig
from coffea_fm.methods.parts.two_views import TwoViewsConfig
from coffea_fm.methods.parts.views.joint import Views, embed, padded_views
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level


class MoCoConfig(TwoViewsConfig):
    """The method ``moco``; see also `TwoViewsConfig`. The first view is the query, the second the key.

    Parameters
    ----------
    temperature : float
    teacher : TeacherConfig
        How the network of the keys follows that of the queries.
    queue : int
        Number of keys kept. The paper keeps 65,536 of 1.3 million images; choose some per cent of the jets.
    """

    kind: Literal["moco"] = "moco"
    temperature: PositiveFloat = 0.07
    teacher: TeacherConfig = TeacherConfig(start=0.999, end=0.999)
    queue: PositiveInt = 4096

    def build(self, model: Model) -> MoCo:  # noqa: D102
        return MoCo(self, model)


class MoCo(Method):
    """Contrastive loss of queries with their keys, from an averaged network, and a queue of the keys of earlier jets.

    The averaged network moves before the forward pass of the next step, and keys enter the queue after they were
    compared, as in the paper. Several processes have the same queue, with the keys of all.
    """

    metrics: ClassVar = ("loss", "found")

    def __init__(self, config: MoCoConfig, model: Model) -> None:
        super().__init__(model)
        self.config = config
        self.projector = Projector(config.projector, model.backbone.dim)
        self.key_backbone = Teacher(config.teacher, model.backbone)
        self.key_projector = Teacher(config.teacher, self.projector)
        self.queue = Queue(config.queue, config.projector.dim)
        self._entering = self.queue.keys[:0]
        self._validation = -1, self.queue

    def parts(  # noqa: D102
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Views]:
        query, key = self.config.views(examples.packed, level, random)
        yield padded_views(examples, [[query], [key]], level, micro_tokens, device)

    def forward(self, part: Views) -> dict[str, Tensor]:
        """Loss of each jet, and whether its key is more similar to the query than all keys of the queue."""
        (query_groups, key_groups), n_jets = part.views, len(part.weight)
        (query,) = self.projector(embed(self.model.backbone, query_groups, n_jets)).float()
        (key,) = self.key_projector(embed(self.key_backbone, key_groups, n_jets)).float()
        query, key = normalize(query, dim=1), normalize(key, dim=1)
        queue = self.queue if self.training else self.validation_queue()
        with torch.autocast(query.device.type, enabled=False):
            loss, found = info_nce(query, key, queue.keys, self.config.temperature)
        if self.training:
            self._entering = key
        else:
            queue.enter(key)
        return {"loss": loss, "found": found}

    def validation_queue(self) -> Queue:
        """A queue of each validation and process, so that the loss depends only on weights and validation jets."""
        begun, queue = self._validation
        if begun != int(self.queue.entered):
            queue = Queue(self.config.queue, self.config.projector.dim).to(self.queue.keys.device)
            self._validation = int(self.queue.entered), queue
        return queue

    def finish_step(self, progress: float) -> None:
        """Put the keys of the step into the queue, and move the network of the keys."""
        self.queue.enter(of_all_processes(self._entering))
        self.key_backbone.follow(self.model.backbone, progress)
        self.key_projector.follow(self.projector, progress)
