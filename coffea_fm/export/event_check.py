"""onnxruntime against torch for models of events: each graph, padding and order of jets, and the whole chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from coffea_fm.bundle.manifest import NumericalCheck
from coffea_fm.export.cases import Arrays, Case
from coffea_fm.export.check import TOLERANCE, check_graphs, compare, open_session, outputs_of
from coffea_fm.export.event_cases import event_cases, permuted
from coffea_fm.nn.build import Model
from coffea_fm.nn.event_batches import event_inputs
from coffea_fm.nn.events import EventModel
from coffea_fm.tokens import InputSpec
from coffea_fm.tokens.events import JetsOfEvents, event_arrays, nest
from coffea_fm.tokens.padding import pad

_EVENTS = 64


def check_event_graphs(
    graphs: Mapping[str, bytes],
    model: EventModel,
    spec: InputSpec,
    events: JetsOfEvents,
    *,
    temperature: float = 1.0,
    tolerance: float = TOLERANCE,
) -> NumericalCheck:
    """Compare what exported graphs give with what the network gives, event by event.

    Parameters
    ----------
    graphs : mapping of str to bytes
        As `coffea_fm.export.event_graphs.make_event_graphs` gives them.
    model : EventModel
        The network they were made of.
    spec : InputSpec
    events : JetsOfEvents
        Real events.
    temperature : float
        As given to `make_event_graphs`.
    tolerance : float
        Largest absolute difference of any number.

    Returns
    -------
    NumericalCheck
        The largest difference found, for the manifest.

    Raises
    ------
    ExportError
        If a number differs by more, also with other padding or another order of jets, or a NaN gives a number.
    """
    of_backbone = check_graphs({"backbone": graphs["backbone"]}, Model(model.backbone), spec, events.jets)
    training = model.training
    model.eval()
    largest, count = of_backbone.maximal_difference, of_backbone.cases
    head = open_session(graphs["event-head"])
    try:
        for case, reference in _references(graphs, model, spec, events, temperature):
            largest = max(largest, compare(case, outputs_of(head, case.arrays), reference, tolerance))
            count += 1
    finally:
        model.train(training)
    return of_backbone.model_copy(update={"maximal_difference": largest, "tolerance": tolerance, "cases": count})


@torch.no_grad()
def _references(
    graphs: Mapping[str, bytes], model: EventModel, spec: InputSpec, events: JetsOfEvents, temperature: float
) -> Iterator[tuple[Case, Arrays]]:
    """What the event head's graph is given, and what torch gives: of the head alone, then of the whole network."""
    collection, name = model.head.collection, model.head.output
    n_events = min(_EVENTS, len(events.counts))
    n_jets = int(events.counts[:n_events].sum())
    jets = events.jets.take(np.arange(n_jets))
    features, counts = events.features[:n_jets], events.counts[:n_events]
    embedding = outputs_of(open_session(graphs["backbone"]), pad(jets, spec))["embedding"]
    for case in event_cases(embedding, features, collection):
        arrays = (torch.as_tensor(case.arrays[array]) for array in collection.inputs)
        reference = {name: model.head.answer(model.logits(*arrays) / temperature).numpy()}
        yield case, reference
        yield permuted(case, collection), reference
    packed = nest(JetsOfEvents(jets, counts, features), spec, collection)
    logits = model(event_inputs(packed, spec, collection, 4096))
    chain = Case("real events", event_arrays(embedding, features, counts, collection), np.zeros(n_events, np.bool_))
    yield chain, {name: model.head.answer(logits / temperature).numpy()}
