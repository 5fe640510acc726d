"""Configurations of models on a Triton server, as protocol buffers in text form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coffea_fm.bundle import Calibration, Graph, Manifest
from coffea_fm.errors import BundleError
from coffea_fm.inference.triton.names import CALIBRATION, MANIFEST, part_of, version_of

_TYPES = {"tensor(float)": "TYPE_FP32", "tensor(bool)": "TYPE_BOOL", "tensor(int64)": "TYPE_INT64"}
_WARM_LENGTHS = (16, 64)
_WARM_TOKENS = 1024


class Word(str):
    """A word of the text form that is not quoted, such as an enumerator."""

    __slots__ = ()


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph.

    Parameters
    ----------
    name, kind : str
        Its name, and its type in Triton's words.
    dims : tuple of int
        Its shape without the batch; -1 where it varies.
    """

    name: str
    kind: str
    dims: tuple[int, ...]

    @classmethod
    def of(cls, node: Any, graph: str) -> Tensor:
        """From an input or output of an onnxruntime session.

        Raises
        ------
        BundleError
            If its first axis is not the batch, or Triton does not have its type.
        """
        batch, *others = node.shape
        if isinstance(batch, int) or node.type not in _TYPES:
            what = f"batches of {batch}" if isinstance(batch, int) else f"the type {node.type}"
            raise BundleError(f"{node.name} of the graph {graph!r} has {what}, which cannot be served: export it again")
        return cls(node.name, _TYPES[node.type], tuple(size if isinstance(size, int) else -1 for size in others))

    def described(self) -> dict[str, Any]:
        """The message of this tensor."""
        return {"name": self.name, "data_type": Word(self.kind), "dims": list(self.dims)}


@dataclass(frozen=True)
class Served:
    """A graph with its tensors."""

    graph: Graph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def graph_config(model: str, served: Served, max_batch: int) -> dict[str, Any]:
    """Configuration of the model that holds one graph.

    Requests of equal shapes are put into one batch. Warm-up runs batches of two lengths before the first request.
    """
    lengths = _WARM_LENGTHS if any(-1 in tensor.dims for tensor in served.inputs) else (1,)
    return {
        "name": part_of(model, served.graph.name),
        "backend": "onnxruntime",
        "max_batch_size": max_batch,
        "input": [tensor.described() for tensor in served.inputs],
        "output": [tensor.described() for tensor in served.outputs],
        "dynamic_batching": {},
        "model_warmup": [_warm_up(served.inputs, length, max_batch) for length in lengths],
    }


def ensemble_config(
    manifest: Manifest, calibration: Calibration, steps: Sequence[Served], max_batch: int
) -> dict[str, Any]:
    """Configuration of the model that runs all graphs of the top level, one after the other, in one request.

    It carries the manifest and the calibration, so that a client needs no bundle. It gives only what none of its graphs
    reads: Triton (seen with 2.51) leaves out a step whose output is not requested, even if another step reads it.
    """
    made = {tensor.name: tensor for served in steps for tensor in served.outputs}
    read = {tensor.name: tensor for served in steps for tensor in served.inputs}
    inputs = {name: tensor for name, tensor in read.items() if name not in made}
    outputs = {name: tensor for name, tensor in made.items() if name not in read}
    return {
        "name": manifest.name,
        "platform": "ensemble",
        "max_batch_size": max_batch,
        "input": [tensor.described() for tensor in inputs.values()],
        "output": [tensor.described() for tensor in outputs.values()],
        "ensemble_scheduling": {
            "step": [
                {
                    "model_name": part_of(manifest.name, served.graph.name),
                    "model_version": int(version_of(manifest.checksum)),
                    "input_map": [{"key": tensor.name, "value": tensor.name} for tensor in served.inputs],
                    "output_map": [{"key": tensor.name, "value": tensor.name} for tensor in served.outputs],
                }
                for served in steps
            ]
        },
        "parameters": [
            {"key": MANIFEST, "value": {"string_value": _json(manifest)}},
            {"key": CALIBRATION, "value": {"string_value": _json(calibration)}},
        ],
    }


def pbtxt(message: Mapping[str, Any]) -> str:
    """A message in text form."""
    return "\n".join(_lines(message, "")) + "\n"


def _json(content: Manifest | Calibration) -> str:
    """JSON in ASCII: escapes of other characters would be bytes in the text form."""
    return json.dumps(content.model_dump(mode="json"))


def _warm_up(inputs: Sequence[Tensor], length: int, max_batch: int) -> dict[str, Any]:
    values = [
        {
            "key": tensor.name,
            "value": {
                "data_type": Word(tensor.kind),
                "dims": [length if size == -1 else size for size in tensor.dims],
                "zero_data": True,
            },
        }
        for tensor in inputs
    ]
    return {"name": f"{length} members", "batch_size": min(max_batch, _WARM_TOKENS // length), "inputs": values}


def _lines(message: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in message.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Mapping):
                yield f"{indent}{name} {{"
                yield from _lines(each, indent + "  ")
                yield f"{indent}}}"
            else:
                yield f"{indent}{name}: {_literal(each)}"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not isinstance(value, Word):
        escaped = value.encode("unicode_escape").decode().replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)
