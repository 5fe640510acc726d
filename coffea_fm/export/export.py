"""From a checkpoint of the training to a bundle."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from coffea_fm.bundle import Graph, Manifest, Output, save_bundle
from coffea_fm.bundle.manifest import Calibration, Provenance, graph_inputs
from coffea_fm.errors import InputError
from coffea_fm.export.card import draft_card
from coffea_fm.export.check import check_graphs
from coffea_fm.export.event_check import check_event_graphs
from coffea_fm.export.event_graphs import make_event_graphs
from coffea_fm.export.graphs import make_graphs
from coffea_fm.nn.build import Model
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.nn.events import EventModel
from coffea_fm.shards import EventDataset, ShardDataset
from coffea_fm.tokens.events import JetsOfEvents, unnest
from coffea_fm.tokens.fields import Field
from coffea_fm.tokens.packed import FloatArray, PackedSets
from coffea_fm.tokens.spec import InputSpec

_RANGE_JETS = 20_000
_VERSIONS = ("coffea-fm", "torch", "onnx", "onnxruntime", "numpy")


def export_checkpoint(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    card: str | None = None,
    data: str | os.PathLike[str] | None = None,
    temperature: float = 1.0,
) -> Manifest:
    """Write the bundle of a checkpoint, numerically checked.

    Parameters
    ----------
    checkpoint : path-like
        Folder such as ``runs/NAME/best``.
    output : path-like
        Folder of the bundle; its name is the name of the model.
    card : str, optional
        The model card, Markdown; a draft from what is known by default.
    data : path-like, optional
        Folder of shards: real jets for the check, and for the range of the jet fields that the model was trained on.
        The recipe's training data by default.
    temperature : float
        Logits are divided by it before the softmax, see `coffea_fm.evaluation`.

    Returns
    -------
    Manifest
        As written.

    Raises
    ------
    ExportError
        If the graphs do not compute what the network computes; nothing is written then.
    InputError
        If the checkpoint or the data cannot be read.
    """
    model, config = load_checkpoint(checkpoint)
    folder = Path(data) if data is not None else config.recipe.data.train
    if not folder.is_dir():
        raise InputError(f"the check at export needs real jets, and {folder} is not there: give a folder of shards")
    provenance = Provenance(
        recipe=config.recipe.model_dump(mode="json"),
        data={"folder": str(folder), "seen_jets": config.seen_jets, "validation": dict(config.metrics)},
        seed=config.recipe.training.seed,
        versions=_versions(),
    )
    about: dict[str, Any] = {"provenance": provenance, "card": card, "temperature": temperature}
    if isinstance(model, EventModel):
        data_set = EventDataset(folder, config.spec, model.head.collection)
        events = unnest(_some_jets(data_set), config.spec, model.head.collection)
        return export_event_model(model, config.spec, config.classes, events, output, **about)
    jets = _some_jets(ShardDataset(folder, config.spec))
    return export_model(model, config.spec, config.classes, jets, output, **about)


def export_model(
    model: Model,
    spec: InputSpec,
    classes: tuple[str, ...],
    jets: PackedSets,
    output: str | os.PathLike[str],
    *,
    provenance: Provenance,
    card: str | None = None,
    temperature: float = 1.0,
) -> Manifest:
    """Write the bundle of a network, numerically checked; see `export_checkpoint`.

    Parameters
    ----------
    jets : PackedSets
        Real jets, as the network was trained on.
    """
    spec = with_trained_ranges(spec, jets)
    graphs = make_graphs(model, spec, temperature=temperature)
    check = check_graphs(graphs, model, spec, jets, temperature=temperature)
    head = model.head
    outputs = [Output(name="embedding", dim=model.backbone.dim)]
    chain = [Graph(name="backbone", file="backbone.onnx", inputs=graph_inputs(spec), outputs=("embedding",))]
    if head is not None:
        names = () if head.level == "pair" else head.columns or classes
        outputs.insert(0, Output(name=head.output, dim=max(1, len(names)), classes=names, level=head.level))
        given = tuple(dict.fromkeys(("embedding", head.reads)))
        chain = [
            chain[0].model_copy(update={"outputs": given}),
            Graph(name="head", file="head.onnx", inputs=(head.reads,), outputs=(head.output,)),
        ]
    manifest = Manifest(
        name=Path(output).resolve().name,
        inputs=spec,
        outputs=tuple(outputs),
        graphs=tuple(chain),
        provenance=provenance,
        check=check,
        calibration=Calibration(temperature=temperature) if temperature != 1.0 else None,
    )
    return save_bundle(output, manifest, graphs, draft_card(manifest) if card is None else card)


def with_trained_ranges(spec: InputSpec, jets: PackedSets) -> InputSpec:
    """The same inputs, with the range of each jet field among these jets, rounded outwards; angles have none."""
    return replace(spec, jet=_with_ranges(spec.jet, jets.jet))


def export_event_model(
    model: EventModel,
    spec: InputSpec,
    classes: tuple[str, ...],
    events: JetsOfEvents,
    output: str | os.PathLike[str],
    *,
    provenance: Provenance,
    card: str | None = None,
    temperature: float = 1.0,
) -> Manifest:
    """Write the bundle of a model of events, numerically checked; see `export_checkpoint`.

    Parameters
    ----------
    events : JetsOfEvents
        Real events, as the network was trained on.
    """
    spec = with_trained_ranges(spec, events.jets)
    collection = model.head.collection
    collection = replace(collection, fields=_with_ranges(collection.fields, events.features))
    graphs = make_event_graphs(model, spec, temperature=temperature)
    check = check_event_graphs(graphs, model, spec, events, temperature=temperature)
    manifest = Manifest(
        schema_version=2,
        name=Path(output).resolve().name,
        inputs=spec,
        collections=(collection,),
        outputs=(
            Output(name=model.head.output, dim=len(classes), classes=classes, level="event"),
            Output(name="embedding", dim=model.backbone.dim),
        ),
        graphs=(
            Graph(name="backbone", file="backbone.onnx", inputs=graph_inputs(spec), outputs=("embedding",)),
            Graph(name="event-head", file="event-head.onnx", inputs=collection.inputs, outputs=(model.head.output,)),
        ),
        provenance=provenance,
        check=check,
        calibration=Calibration(temperature=temperature) if temperature != 1.0 else None,
    )
    return save_bundle(output, manifest, graphs, draft_card(manifest) if card is None else card)


def _with_ranges(fields: tuple[Field, ...], values: FloatArray) -> tuple[Field, ...]:
    """Fields with the range of their columns."""
    ranged = []
    for field, column in zip(fields, values.T, strict=True):
        trained = (0.0 - _round_up(-float(column.min())), _round_up(float(column.max())))
        ranged.append(field if field.unit == "rad" else replace(field, trained=trained))
    return tuple(ranged)


def _round_up(value: float) -> float:
    """The next number of two digits."""
    if value == 0.0:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(value)))
    return round(math.ceil(value * 10.0**digits) * 10.0**-digits, digits)


def _versions() -> dict[str, str]:
    versions = {}
    for name in _VERSIONS:
        with suppress(PackageNotFoundError):  # coffea-fm itself may run from a checkout
            versions[name] = version(name)
    return versions


def _some_jets(dataset: ShardDataset) -> PackedSets:
    """Jets, or events, of row groups from all over the data set."""
    groups = dataset.row_groups
    mean = dataset.n_jets / len(groups)
    chosen = np.linspace(0, len(groups) - 1, max(1, min(len(groups), round(_RANGE_JETS / mean)))).astype(int)
    return dataset.read([groups[index] for index in np.unique(chosen)])[0]
