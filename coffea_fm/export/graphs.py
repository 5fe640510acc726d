"""Export torch networks to ONNX graphs, one per level, including the features, with dynamic batch size and lengths."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from torch import Tensor, nn
from torch.onnx.utils import register_custom_op_symbolic

from coffea_fm.bundle import Graph, Output
from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones import Backbone
from coffea_fm.nn.heads import Head
from coffea_fm.nn.inputs import BackboneOutput, Inputs
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level, array_names

OPSET = 20
"""The first version with a GELU operator."""

_THINGS, _SLOTS = 3, 5  # not 1: the exporter treats an axis of size 1 as a constant

# ONNX has these operators, but the exporter does not support them.
register_custom_op_symbolic("aten::cosh", lambda graph, value: graph.op("Cosh", value), 9)
register_custom_op_symbolic("aten::sinh", lambda graph, value: graph.op("Sinh", value), 9)


class _BackboneGraph(nn.Module):
    def __init__(self, backbone: Backbone, *, token_vectors: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.names = array_names(backbone.level)
        self.token_vectors = token_vectors

    def forward(self, *arrays: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        given = dict(zip(self.names, arrays, strict=True))
        output: BackboneOutput = self.backbone(Inputs.from_arrays(given, self.backbone.level))
        if not self.token_vectors:
            return output.embedding
        not_finite = output.embedding.sum(dim=1, keepdim=True).unsqueeze(-1) * 0.0
        return output.embedding, output.token_vectors + not_finite


class _HeadGraph(nn.Module):
    def __init__(self, head: Head, temperature: float) -> None:
        super().__init__()
        self.head = head
        self.temperature = temperature

    def forward(self, *arrays: Tensor) -> Tensor:
        return self.head.answer(self.head(*arrays) / self.temperature)


def describe(model: Model, *, token_vectors: bool = False) -> tuple[tuple[Graph, ...], tuple[Output, ...]]:
    """Describe the graphs of a network and their outputs for a manifest.

    ``backbone`` maps raw arrays to the embedding. ``head``, if there is one, maps its inputs at the top level to its
    prediction.

    Parameters
    ----------
    model : Model
    token_vectors : bool
        Also output the token vectors, even if the head does not need them.
    """
    head, embedded = model.head, model.backbone.level
    token_vectors |= head is not None and "token_vectors" in head.reads
    graphs = [
        Graph(
            name="backbone",
            file="backbone.onnx",
            level=embedded.name,
            inputs=array_names(embedded),
            outputs=("embedding", "token_vectors") if token_vectors else ("embedding",),
        )
    ]
    outputs = [Output(name="embedding", dim=model.backbone.dim, level=embedded.name)]
    if head is not None:
        answer = {"dim": max(1, len(head.columns)), "classes": head.columns, "level": head.level, "pairs": head.pairs}
        outputs.insert(0, Output.model_validate({"name": head.output, **answer}))
        graphs.append(
            Graph(name="head", file="head.onnx", level=model.level.name, inputs=head.reads, outputs=(head.output,))
        )
    return tuple(graphs), tuple(outputs)


def make_graphs(
    model: Model, level: Level | None = None, *, token_vectors: bool = False, temperature: float = 1.0
) -> dict[str, bytes]:
    """Export the graphs of a network, named as in `describe`.

    This uses the tracing exporter, because the newer one takes ten times as long and its graphs are no faster.

    Parameters
    ----------
    model : Model
        In any mode; it is exported for evaluation.
    level : Level, optional
        Written to the metadata of the backbone, under ``coffea_fm``; by default, the inputs of the model.
    token_vectors : bool
        See `describe`; NaN for a thing with an input that is NaN or infinite.
    temperature : float
        Logits are divided by it before the softmax.

    Returns
    -------
    dict of str to bytes
        ONNX files by graph name.

    Raises
    ------
    RecipeError
        If a temperature is given for a model without scores of jets or events.
    """
    head = model.head
    if temperature != 1.0 and (head is None or head.output != "scores"):
        raise RecipeError("a temperature calibrates class scores, but this model has none: leave temperature out")
    described = {graph.name: graph for graph in describe(model, token_vectors=token_vectors)[0]}
    training = model.training
    model.eval()
    try:
        arrays = example_arrays(model.backbone.level)
        backbone = _BackboneGraph(model.backbone, token_vectors="token_vectors" in described["backbone"].outputs)
        graphs = {"backbone": to_onnx(backbone, described["backbone"], arrays, dynamic_axes(model.backbone.level))}
        if head is not None:
            known = _known(model)
            graphs["head"] = to_onnx(
                _HeadGraph(head, temperature), described["head"], known, dynamic_axes(model.level, head)
            )
    finally:
        model.train(training)
    graphs["backbone"] = _with_metadata(graphs["backbone"], json.dumps(asdict(level or model.level)))
    return graphs


@torch.no_grad()
def _known(model: Model) -> dict[str, Tensor]:
    """Example inputs of the head."""
    example = example_arrays(model.level)
    for member in model.level.members:
        if member.members:
            example[f"{member.name}_embedding"] = torch.ones(_THINGS, _SLOTS, model.backbone.dim)
    return model.known(Inputs.from_arrays(example, model.level))


def example_arrays(level: Level) -> dict[str, Tensor]:
    """Example arrays, with the names and order of `array_names`."""
    arrays = {level.name: torch.ones(_THINGS, len(level.fields))} if level.fields else {}
    for slots, member in enumerate(level.members, start=_SLOTS):
        arrays[member.name] = torch.ones(_THINGS, slots, len(member.fields))
        arrays[f"{member.name}_mask"] = torch.ones(_THINGS, slots, dtype=torch.bool)
        arrays[f"{member.name}_missing"] = torch.zeros(_THINGS, slots, len(member.missing_names), dtype=torch.bool)
    return {name: arrays[name] for name in array_names(level)}


def dynamic_axes(level: Level, head: Head | None = None) -> dict[str, dict[int, str]]:
    """Dynamic axes of every array of a level; an axis is named after the level along it."""
    axes = {level.name: {0: level.name}, "embedding": {0: level.name}}
    for member in level.members:
        for name in ("", "_mask", "_missing", "_embedding"):
            axes[f"{member.name}{name}"] = {0: level.name, 1: member.name}
    slots = {0: level.name, 1: level.members[0].name if level.members else "tokens"}
    axes["token_vectors"] = slots
    if head is not None:
        of_members = slots | {2: slots[1]} if head.pairs else slots
        axes[head.output] = {0: level.name} if head.level == level.name else of_members
    return axes


def to_onnx(module: nn.Module, graph: Graph, arrays: Mapping[str, Tensor], axes: Mapping[str, dict[int, str]]) -> bytes:
    """Trace a module with example arrays, and return the ONNX file."""
    with torch.no_grad(), TemporaryDirectory() as folder, warnings.catch_warnings():
        # The tracer warns about deprecation and constant shapes; the numerical check covers the latter.
        warnings.simplefilter("ignore")
        file = Path(folder) / "graph.onnx"
        torch.onnx.export(
            module.eval(),
            tuple(arrays[name] for name in graph.inputs),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: axes[name] for name in (*graph.inputs, *graph.outputs)},
        )
        return _with_inputs(file.read_bytes(), graph, arrays, axes)


def _with_inputs(
    content: bytes, graph: Graph, arrays: Mapping[str, Tensor], axes: Mapping[str, dict[int, str]]
) -> bytes:
    """Declare the inputs that a network does not use, which the tracer drops: whoever calls the graph gives them all."""
    proto = onnx.load_from_string(content)
    kept = {each.name: each for each in proto.graph.input}
    if all(name in kept for name in graph.inputs):
        return content
    del proto.graph.input[:]
    for name in graph.inputs:
        array = arrays[name]
        kind = onnx.TensorProto.BOOL if array.dtype is torch.bool else onnx.TensorProto.FLOAT
        shape = [axes[name].get(axis, size) for axis, size in enumerate(array.shape)]
        proto.graph.input.append(kept.get(name) or onnx.helper.make_tensor_value_info(name, kind, shape))
    return bytes(proto.SerializeToString(deterministic=True))


def _with_metadata(graph: bytes, description: str) -> bytes:
    proto = onnx.load_from_string(graph)
    onnx.helper.set_model_props(proto, {"coffea_fm": description})
    return bytes(proto.SerializeToString(deterministic=True))
