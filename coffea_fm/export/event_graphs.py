"""The two graphs of a model of events: its backbone, as of any model of jets, and its event head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coffea_fm.export.graphs import TRACED_SETS, TRACED_TOKENS, export_module, make_graphs
from coffea_fm.nn.build import Model
from coffea_fm.nn.events import EventModel
from coffea_fm.tokens import InputSpec


class _EventHeadGraph(nn.Module):
    def __init__(self, model: EventModel, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, embedding: Tensor, jets: Tensor, mask: Tensor) -> Tensor:
        return self.model.head.answer(self.model.logits(embedding, jets, mask) / self.temperature)


def make_event_graphs(model: EventModel, spec: InputSpec, *, temperature: float = 1.0) -> dict[str, bytes]:
    """Graphs of a model of events: ``backbone`` (raw arrays to embedding), and ``event-head`` (to its answer).

    A jet head whose scores are read is part of the event head's graph.

    Parameters
    ----------
    model : EventModel
        In whatever mode; it is exported for evaluation.
    spec : InputSpec
        The raw fields that the backbone reads.
    temperature : float
        Logits are divided by it before the softmax.

    Returns
    -------
    dict of str to bytes
        ONNX files by graph name.
    """
    collection = model.head.collection
    training = model.training
    model.eval()
    try:
        graphs = make_graphs(Model(model.backbone).eval(), spec)
        shape = (TRACED_SETS, TRACED_TOKENS)
        example = (
            torch.ones(*shape, model.backbone.dim),
            torch.ones(*shape, len(collection.fields)),
            torch.ones(shape, dtype=torch.bool),
        )
        axes = {name: {0: "events", 1: "jets"} for name in collection.inputs} | {model.head.output: {0: "events"}}
        head = _EventHeadGraph(model, temperature)
        graphs["event-head"] = export_module(head, example, list(collection.inputs), [model.head.output], axes)
    finally:
        model.train(training)
    return graphs
