"""torch networks to ONNX graphs, features inside, batch and length dynamic."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from torch import Tensor, nn
from torch.onnx.utils import register_custom_op_symbolic

from coffea_fm.bundle.manifest import graph_inputs
from coffea_fm.errors import RecipeError
from coffea_fm.nn.build import Backbone, Model
from coffea_fm.nn.heads.classification import ClassificationHead
from coffea_fm.nn.heads.head import Head
from coffea_fm.nn.inputs import BackboneOutput, Inputs, only_group
from coffea_fm.tokens.spec import InputSpec

OPSET = 20
"""The first with one operator for GELU."""

TRACED_SETS, TRACED_TOKENS = 3, 5  # an axis of size 1 would be taken for a constant

# ONNX has these two; the exporter does not know.
register_custom_op_symbolic("aten::cosh", lambda graph, value: graph.op("Cosh", value), 9)
register_custom_op_symbolic("aten::sinh", lambda graph, value: graph.op("Sinh", value), 9)


class _BackboneGraph(nn.Module):
    def __init__(self, backbone: Backbone, spec: InputSpec, *, token_vectors: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.names = graph_inputs(spec)
        self.spec = spec
        self.token_vectors = token_vectors

    def forward(self, *arrays: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        output: BackboneOutput = self.backbone(
            Inputs.from_arrays(dict(zip(self.names, arrays, strict=True)), self.spec)
        )
        if not self.token_vectors:
            return output.embedding
        not_finite = output.embedding.sum(dim=1, keepdim=True).unsqueeze(-1) * 0.0
        return output.embedding, output.token_vectors + not_finite


class _HeadGraph(nn.Module):
    def __init__(self, head: Head, temperature: float) -> None:
        super().__init__()
        self.head = head
        self.temperature = temperature

    def forward(self, vectors: Tensor) -> Tensor:
        return self.head.answer(self.head(vectors) / self.temperature)


def make_graphs(
    model: Model, spec: InputSpec, *, token_vectors: bool = False, temperature: float = 1.0
) -> dict[str, bytes]:
    """Graphs of a network: ``backbone`` (raw arrays to embedding) and, with a head, ``head`` (to its answer).

    The tracing exporter is used: the newer one gives graphs that are no faster, and takes ten times as long.

    Parameters
    ----------
    model : Model
        In whatever mode; it is exported for evaluation.
    spec : InputSpec
        The raw fields that it reads; written into the metadata of the backbone under ``coffea_fm``.
    token_vectors : bool
        Give the vectors of the tokens as well, also if the head does not read them; NaN for a set that holds a number
        which is not finite.
    temperature : float
        Logits are divided by it before the softmax.

    Returns
    -------
    dict of str to bytes
        ONNX files by graph name.

    Raises
    ------
    RecipeError
        If a temperature is given and the model does not classify jets.
    """
    head = model.head
    if temperature != 1.0 and not isinstance(head, ClassificationHead):
        raise RecipeError("a temperature calibrates the scores of classes, and this model gives none: leave it out")
    names = graph_inputs(spec)
    tokens = {0: "sets", 1: "tokens"}
    axes = {name: {0: "sets"} if name == "jet" else tokens for name in names} | {"embedding": {0: "sets"}}
    outputs = ["embedding"]
    token_vectors |= head is not None and head.reads == "token_vectors"
    if token_vectors:
        outputs.append("token_vectors")
        axes["token_vectors"] = tokens
    training = model.training
    model.eval()
    try:
        backbone = _BackboneGraph(model.backbone, spec, token_vectors=token_vectors)
        graphs = {"backbone": export_module(backbone, _example(spec), list(names), outputs, axes)}
        if head is not None:
            graphs["head"] = _export_head(head, model.backbone.dim, temperature)
    finally:
        model.train(training)
    graphs["backbone"] = _describe(graphs["backbone"], json.dumps(asdict(spec)))
    return graphs


def _export_head(head: Head, dim: int, temperature: float) -> bytes:
    sizes = {"jet": (TRACED_SETS,), "token": (TRACED_SETS, TRACED_TOKENS), "pair": (TRACED_SETS, TRACED_TOKENS)}
    given = {0: "sets"} if head.level == "jet" else {0: "sets", 1: "tokens"}
    answer = given | ({2: "tokens"} if head.level == "pair" else {})
    vectors = (torch.zeros(*sizes[head.level], dim),)
    axes = {head.reads: given, head.output: answer}
    return export_module(_HeadGraph(head, temperature), vectors, [head.reads], [head.output], axes)


def _example(spec: InputSpec) -> tuple[Tensor, ...]:
    group = only_group(spec)
    arrays = [
        torch.ones(TRACED_SETS, TRACED_TOKENS, len(group.names)),
        torch.ones(TRACED_SETS, TRACED_TOKENS, dtype=torch.bool),
    ]
    if group.missing_names:
        arrays.append(torch.zeros(TRACED_SETS, TRACED_TOKENS, len(group.missing_names), dtype=torch.bool))
    if spec.jet:
        arrays.append(torch.ones(TRACED_SETS, len(spec.jet)))
    return tuple(arrays)


def export_module(
    module: nn.Module,
    example: tuple[Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> bytes:
    """The ONNX file of a module, with these names and dynamic axes."""
    with torch.no_grad(), TemporaryDirectory() as folder, warnings.catch_warnings():
        # What the tracer warns of (deprecation, shapes taken as constants) is held by the check over shapes.
        warnings.simplefilter("ignore")
        file = Path(folder) / "graph.onnx"
        torch.onnx.export(
            module.eval(),
            example,
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
        )
        return file.read_bytes()


def _describe(graph: bytes, description: str) -> bytes:
    proto = onnx.load_from_string(graph)
    onnx.helper.set_model_props(proto, {"coffea_fm": description})
    return bytes(proto.SerializeToString(deterministic=True))
