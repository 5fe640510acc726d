"""Backbones that several models of a process have in common: each runs once for the same jets."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np

from coffea_fm.arrays import BoolArray, FloatArray
from coffea_fm.bundle import Bundle, Graph
from coffea_fm.inference.chain import Chain, known_outputs, rows_below
from coffea_fm.inference.reuse.keys import content_keys
from coffea_fm.inference.reuse.memory import Memory
from coffea_fm.tokens import Level, Packed

MOST = 200_000
"""Number of jets whose embeddings are kept for each backbone that models share, unless one call has more."""
_METADATA = 14
"""Number of the field of an ONNX model that holds its description: it says on what a model was trained."""

_lock = threading.RLock()
_computation: dict[str, str] = {}
_models: dict[str, set[str]] = {}
_memories: dict[tuple[str, ...], Memory] = {}


def note(bundle: Bundle) -> None:
    """Take note of the graphs of a model that this process uses."""
    with _lock:
        for graph in bundle.manifest.graphs:
            if graph.sha256 not in _computation:
                _computation[graph.sha256] = sha256(_without_metadata(bundle.graph_bytes(graph.name))).hexdigest()
            _models.setdefault(_computation[graph.sha256], set()).add(bundle.checksum)


def run_shared(
    chain: Chain, packed: Packed, level: Level, names: Sequence[str], *, usable: BoolArray
) -> dict[str, FloatArray]:
    """Run a chain; see `Chain.run`. A graph that several models have gives what it gave before for the same jets.

    The jets are recognised by a digest of all that the graph reads of them, so that any selection and order of them is.
    """
    for graph, outputs in _shared(chain, names, known_outputs(packed, level)):
        path = level.path(graph.level)
        whole, read = packed.at(path), level.find(graph.level)
        if graph.level not in graph.inputs:  # its things are known by their members alone
            whole, read = whole.without_fields(), replace(read, fields=())
        rows = rows_below(packed, path, np.flatnonzero(usable))
        if not len(rows):
            continue
        found = _recalled(chain, graph, outputs, whole.take(rows), read)
        known = {name: np.full((len(whole), column.shape[1]), np.nan, np.float32) for name, column in found.items()}
        for name, column in found.items():
            known[name][rows] = column
        packed = packed.with_known(path, known)
    given = {name: packed.known[name] for name in names if name in packed.known}
    wanted = [name for name in names if name not in given]
    return {**given, **chain.run(packed, level, wanted, usable=usable)} if wanted else given


def _recalled(chain: Chain, graph: Graph, outputs: list[str], things: Packed, read: Level) -> dict[str, FloatArray]:
    """Outputs of a graph for things, computed for those that it did not have before."""
    providers = chain.session(graph).get_providers()
    with _lock:
        memory = _memories.setdefault((_computation[graph.sha256], *outputs, *providers), Memory(MOST))
    return memory.complete(content_keys(things), lambda new: chain.run(things.take(new), read, outputs))


def _shared(chain: Chain, names: Sequence[str], known: Collection[str]) -> list[tuple[Graph, list[str]]]:
    """Graphs that read members, give one row for each of their things, and are part of several models."""
    manifest = chain.manifest
    own = {(output.name, output.level) for output in manifest.outputs if not output.pairs}
    found = []
    for graph, outputs in chain.steps(names, known):
        reads_members = any(member.name in graph.inputs for member in manifest.level.find(graph.level).members)
        users = _models.get(_computation.get(graph.sha256, ""), set())
        if reads_members and len(users) > 1 and all((name, graph.level) in own for name in outputs):
            found.append((graph, outputs))
    return found


def _without_metadata(model: bytes) -> bytes:
    """The graph of an ONNX model, for comparison: what its description says changes no result."""
    kept, start = [], 0
    while start < len(model):
        tag, stop = _varint(model, start)
        size, after = _varint(model, stop) if tag & 7 in (0, 2) else ({1: 8, 5: 4}[tag & 7], stop)
        stop = after if tag & 7 == 0 else after + size
        if tag >> 3 != _METADATA:
            kept.append(model[start:stop])
        start = stop
    return b"".join(kept)


def _varint(data: bytes, start: int) -> tuple[int, int]:
    """A number in the encoding of protocol buffers, and where it ends."""
    value = shift = 0
    while True:
        byte = data[start]
        start += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, start
        shift += 7


def _forget() -> None:
    global _lock  # noqa: PLW0603 - a lock held by another thread at the fork would never be released in the child
    _lock = threading.RLock()
    _memories.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
