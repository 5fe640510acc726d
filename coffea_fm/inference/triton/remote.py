"""A tagger whose model runs on a Triton server."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from coffea_fm.arrays import FloatArray
from coffea_fm.bundle import Bundle, Calibration, Graph, Manifest
from coffea_fm.errors import ServerError
from coffea_fm.inference.chain import Chain, Step
from coffea_fm.inference.tagger import Tagger
from coffea_fm.inference.triton.client import FIRST_TRIES, Arrays, infer, model_config
from coffea_fm.inference.triton.names import CALIBRATION, MANIFEST, Address, part_of, version_of
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.refused import Refused

BATCH_TOKENS = 2**14
"""Padded tokens per request: about a megabyte, which keeps a GPU busy."""
REQUESTS = 4
"""Requests at the same time, so that the server works while results travel."""

_served: dict[tuple[str, str], Bundle] = {}


@dataclass(frozen=True)
class RemoteSession:
    """A model on a server in place of an onnxruntime session.

    Parameters
    ----------
    address : Address
        The server.
    model, version : str
        Name and version of the model there.
    max_batch : int
        Most rows per request.
    """

    address: Address
    model: str
    version: str
    max_batch: int

    def run(self, outputs: list[str], arrays: Arrays) -> list[FloatArray]:
        """Evaluate outputs, in as many requests as the server wants."""
        rows = len(next(iter(arrays.values())))
        parts = [
            infer(
                self.address,
                self.model,
                self.version,
                {name: array[start : start + self.max_batch] for name, array in arrays.items()},
                outputs,
            )
            for start in range(0, rows, self.max_batch)
        ]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def get_providers(self) -> tuple[str, ...]:
        """Where it runs."""
        return ("Triton",)


@dataclass(frozen=True)
class RemoteChain(Chain):
    """A chain that runs all graphs of the top level in one request, where it starts from raw columns."""

    def steps(self, wanted: Iterable[str], known: Collection[str]) -> list[Step]:
        """The graphs needed for the outputs; several of the top level become the ensemble on the server."""
        wanted = list(wanted)
        steps = super().steps(wanted, known)
        top = [step for step in steps if step[0].level == self.manifest.level.name]
        kept = [name for _, outputs in top for name in outputs if name in wanted]
        ensemble = _ensemble(self.manifest)
        read = {name for graph, _ in top for name in graph.inputs}
        made = {name for graph, _ in top for name in graph.outputs}
        if len(top) < 2 or not set(kept) <= set(ensemble.outputs) or not read <= made | set(ensemble.inputs):
            return steps
        return [*(step for step in steps if step not in top), (ensemble, kept)]


def _ensemble(manifest: Manifest) -> Graph:
    """All graphs of the top level as one; see `triton_config.ensemble_config`."""
    graphs = [graph for graph in manifest.graphs if graph.level == manifest.level.name]
    made = [name for graph in graphs for name in graph.outputs]
    read = list(dict.fromkeys(name for graph in graphs for name in graph.inputs))
    inputs = tuple(name for name in read if name not in made)
    outputs = tuple(name for name in made if name not in read)
    return Graph(name="", file="model.onnx", level=manifest.level.name, inputs=inputs, outputs=outputs)


@dataclass(frozen=True, repr=False)
class RemoteTagger(Tagger):
    """A tagger of a model on a Triton server; created by `load` from ``triton://host:port/model``.

    It is used as any other. Jets are packed and checked here, and sent in padded batches; a request that fails because
    the server is away is repeated. Every request names the checksum of the model by its version there.

    Parameters
    ----------
    max_batch : int
        Most jets, or events, in one request.
    """

    max_batch: int = 1

    @property
    def chain(self) -> Chain:
        """The graphs, as models on the server."""
        return RemoteChain(self.manifest, self._session, self.threads or REQUESTS, BATCH_TOKENS)

    @property
    def _bundle(self) -> Bundle:
        return self.carried or served_bundle(self.source, self.checksum)

    def _session(self, graph: Graph) -> RemoteSession:
        address = Address.of(self.source)
        model = part_of(address.model, graph.name) if graph.name else address.model
        return RemoteSession(address, model, version_of(self.checksum), self.max_batch)


def load_remote(source: str, *, ship: str, threads: int | None) -> RemoteTagger:
    """Load a model on a Triton server; see `coffea_fm.load`."""
    address = Address.of(source)
    config = model_config(address, FIRST_TRIES)
    bundle = _bundle_of(config, address, source)
    carried = bundle if ship == "bytes" else None
    most = int(config.get("max_batch_size", 0)) or BATCH_TOKENS
    return RemoteTagger(source, bundle.checksum, carried, threads=threads, max_batch=most)


def served_bundle(source: str, checksum: str) -> Bundle:
    """Manifest and calibration of a model on a server; asked for once per process.

    Raises
    ------
    ServerError
        If the server is away, or has another model now.
    """
    if (source, checksum) not in _served:
        address = Address.of(source)
        bundle = _bundle_of(model_config(address), address, source)
        if bundle.checksum != checksum:
            raise ServerError(
                f"{address} has the checksum {bundle.checksum[:12]} instead of {checksum[:12]}: it has been replaced; load "
                "it again, or restore the old one"
            )
    return _served[source, checksum]


def _bundle_of(config: Mapping[str, Any], address: Address, source: str) -> Bundle:
    """What the configuration of a model carries.

    Raises
    ------
    ServerError
        If the model was not written by `export_triton`, or was edited.
    """
    carried = {name: value["string_value"] for name, value in config.get("parameters", {}).items()}
    if MANIFEST not in carried:
        raise ServerError(
            f"{address} has no manifest of coffea-fm: write the model repository with 'coffea-fm export-triton'"
        )
    try:
        manifest = Manifest.model_validate(parse_json(carried[MANIFEST]))
        calibration = Calibration.model_validate(parse_json(carried.get(CALIBRATION, "{}")))
    except (ValidationError, Refused) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise ServerError(
            f"{address} has a manifest that this version of coffea-fm cannot read ({reason}): export it again"
        ) from error
    if manifest.content_hash() != manifest.checksum:
        raise ServerError(f"the manifest of {address} was edited or damaged: export the bundle again")
    _served[source, manifest.checksum] = Bundle(manifest, {}, source, calibration)
    return _served[source, manifest.checksum]
