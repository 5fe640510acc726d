"""Run a bundle's chain of graphs over packed jets, in length buckets that fit the cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from coffea_fm.bundle.manifest import Graph, Manifest
from coffea_fm.errors import InputError
from coffea_fm.inference.providers import CUDA
from coffea_fm.tokens.jagged import IntArray, ranges
from coffea_fm.tokens.packed import FloatArray, PackedSets
from coffea_fm.tokens.padding import length_buckets, pad

MULTIPLE = 2
"""Padded lengths are multiples of this. Measured: 8 costs 8% of the speed, and memory does not grow with the shapes."""
Arrays = dict[str, npt.NDArray[Any]]


def run(
    packed: PackedSets,
    manifest: Manifest,
    sessions: Callable[[Graph], Any],
    wanted: Sequence[str],
    *,
    sets: IntArray,
    threads: int = 1,
    batch_tokens: int | None = None,
) -> dict[str, FloatArray]:
    """Evaluate outputs of a bundle.

    Parameters
    ----------
    packed : PackedSets
        The jets.
    manifest : Manifest
        The chain of graphs and its outputs.
    sessions : callable
        Gives the onnxruntime session of a graph.
    wanted : sequence of str
        Names of outputs.
    sets : int64 array
        Which jets to run.
    threads : int
        How many batches run side by side.
    batch_tokens : int, optional
        Padded tokens of a batch; see `default_batch_tokens`.

    Returns
    -------
    dict of str to float32 array of shape [n_sets, dim] or [n_tokens, dim]
        One row a jet of `packed`, or a token of its first group for outputs of that level; NaN for the jets that are
        not in `sets`.
    """
    tokens = packed.groups[manifest.inputs.groups[0].name]
    rows_of_level = {"jet": len(packed), "token": len(tokens.values)}
    described = [manifest.output(name) for name in wanted]
    results = {
        output.name: np.full((rows_of_level[output.level], output.dim), np.nan, dtype=np.float32)
        for output in described
    }
    if len(sets) == 0:
        return results
    steps = [(sessions(graph), graph.inputs, outputs) for graph, outputs in needed(manifest.graphs, wanted)]
    lengths = np.max([group.lengths[sets] for group in packed.groups.values()], axis=0)

    def evaluate(bucket: IntArray) -> None:
        chosen = sets[bucket]
        arrays: Arrays = pad(packed.take(chosen), manifest.inputs, MULTIPLE)
        for session, inputs, outputs in steps:
            values = session.run(outputs, {name: arrays[name] for name in inputs})
            arrays.update(zip(outputs, values, strict=True))
        for output in described:
            if output.level == "jet":
                results[output.name][chosen] = arrays[output.name]
            else:
                rows = ranges(tokens.offsets[:-1][chosen], tokens.lengths[chosen])
                results[output.name][rows] = arrays[output.name][arrays[f"{manifest.inputs.groups[0].name}_mask"]]

    on_gpu = any(session.get_providers()[0] == CUDA for session, *_ in steps)
    buckets = length_buckets(lengths, batch_tokens or default_batch_tokens(manifest, on_gpu=on_gpu), MULTIPLE)
    _each(evaluate, buckets, 1 if on_gpu else threads)
    return results


def default_batch_tokens(manifest: Manifest, *, on_gpu: bool) -> int:
    """Padded tokens of a batch: so many that the activations stay in a core's cache, or that a GPU is busy.

    Measured on one core: 512 tokens are best at width 128, 1024 at width 64; twice or half as many cost 2-5%.
    """
    if on_gpu:
        return 2**15
    widths = [output.dim for output in manifest.outputs if output.name == "embedding"]
    return max(128, 2**16 // max(widths, default=128))


def run_head(embedding: FloatArray, manifest: Manifest, sessions: Callable[[Graph], Any], wanted: str) -> FloatArray:
    """Evaluate one output from embeddings [n_sets, dim]; rows that are not finite give NaN.

    Raises
    ------
    InputError
        If the output needs more than the embedding.
    """
    results = np.full((len(embedding), manifest.output(wanted).dim), np.nan, dtype=np.float32)
    rows = np.flatnonzero(np.isfinite(embedding).all(axis=1))
    arrays: Arrays = {"embedding": embedding[rows]}
    for graph, outputs in needed(manifest.graphs, [wanted], known=["embedding"]):
        lacking = [name for name in graph.inputs if name not in arrays]
        if lacking:
            raise InputError(f"{wanted} need {', '.join(lacking)} besides the embedding: give the jets to the tagger")
        if len(rows):
            values = sessions(graph).run(outputs, {name: arrays[name] for name in graph.inputs})
            arrays.update(zip(outputs, values, strict=True))
    if len(rows):
        results[rows] = arrays[wanted]
    return results


def needed(graphs: Sequence[Graph], wanted: Iterable[str], known: Iterable[str] = ()) -> list[tuple[Graph, list[str]]]:
    """Graphs that the wanted outputs need where others are known, in order, and which of their outputs."""
    missing = set(wanted) - set(known)
    chain: list[tuple[Graph, list[str]]] = []
    for graph in reversed(graphs):
        outputs = [name for name in graph.outputs if name in missing]
        if outputs:
            chain.insert(0, (graph, outputs))
            missing = (missing - set(outputs)) | (set(graph.inputs) - set(known))
    return chain


def _each(evaluate: Callable[[IntArray], None], buckets: Sequence[IntArray], threads: int) -> None:
    if threads == 1:
        for bucket in buckets:
            evaluate(bucket)
    else:
        for _ in _pool(os.getpid(), threads).map(evaluate, buckets):
            pass


@lru_cache
def _pool(pid: int, threads: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a forked child has none of the threads
    """One pool for all that tags in this process, so that tasks side by side share the worker's threads."""
    return ThreadPoolExecutor(threads, thread_name_prefix="coffea-fm")
