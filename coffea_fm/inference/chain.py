"""The chain of graphs of a model. Each graph runs at its level, in batches of similar length that fit the cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np

from coffea_fm.arrays import BoolArray, FloatArray, IntArray
from coffea_fm.bundle.graph import Graph
from coffea_fm.bundle.manifest import Manifest
from coffea_fm.inference.graph_errors import described_shape, run_graph
from coffea_fm.inference.providers import CUDA
from coffea_fm.tokens import Level, Packed, array_names, length_buckets, pad
from coffea_fm.tokens.padding import Arrays
from coffea_fm.tokens.usable import any_reason, unusable

MULTIPLE = 2
"""Padded lengths are multiples of this. Measured: 8 costs 8% of the speed, and memory does not grow with the shapes."""
GPU_TOKENS = 2**15
"""Padded tokens per batch that keep a GPU busy. Also used for graphs that read only vectors, which are cheap."""
EVENT_JETS = 4096
"""Padded jets per batch of events."""

Step = tuple[Graph, list[str]]


@dataclass(frozen=True)
class Chain:
    """The graphs of a model with their sessions.

    Parameters
    ----------
    manifest : Manifest
        Lists the graphs, their levels and outputs.
    session : callable
        Returns the onnxruntime session of a graph.
    threads : int
        Number of batches that run in parallel.
    batch_tokens : int, optional
        Padded tokens per batch; see `default_batch_tokens`.
    multiple : int
        Padded lengths are multiples of this.
    """

    manifest: Manifest
    session: Callable[[Graph], Any]
    threads: int = 1
    batch_tokens: int | None = None
    multiple: int = MULTIPLE

    def run(
        self, packed: Packed, level: Level, wanted: Sequence[str], *, usable: BoolArray | None = None
    ) -> dict[str, FloatArray]:
        """Evaluate outputs. This is the only loop over graphs.

        Parameters
        ----------
        packed : Packed
            What the model reads. Outputs already in its ``known`` are not computed again.
        level : Level
            Describes `packed`: a level of the model, reduced to what is read (see `reads`).
        wanted : sequence of str
            Names of the outputs.
        usable : bool array of shape [n], optional
            Which things to run; by default those without any problem found by `coffea_fm.tokens.usable.unusable`.

        Returns
        -------
        dict of str to float32 array of shape [n, dim]
            One row for each thing of the output's level; NaN for things that are not run.
        """
        if usable is None:
            usable = ~any_reason(unusable(packed, level))
        steps = self.steps(wanted, known_outputs(packed, level))
        results: dict[str, FloatArray] = {}
        for name, stage in groupby(steps, key=lambda step: step[0].level):
            path = level.path(name)
            things, rows = packed.at(path).with_members_only(), rows_below(packed, path, np.flatnonzero(usable))
            outputs = list(stage)
            kept = {*wanted, *_read_above(steps, name)}
            results |= self._run_stage(things, level.find(name), rows, outputs, kept)
            packed = packed.with_known(path, {key: results[key] for key in _read_above(steps, name) if key in results})
        return {name: results[name] for name in wanted}

    def reads(self, wanted: Sequence[str], known: Collection[str] = ()) -> Level:
        """What must be packed to compute these outputs when others are known: part of the model's tree of levels."""
        steps = self.steps(wanted, known)
        read = {(graph.level, name) for graph, _ in steps for name in graph.inputs}
        top = self.manifest.level.find(self.level_of(wanted[0]))
        return _prune(top, read)

    def level_of(self, output: str) -> str:
        """Name of the level at which the graph of an output runs, which is what a tagger takes.

        Raises
        ------
        BundleError
            If there is no such output.
        """
        name = self.manifest.output(output).name
        return next(graph.level for graph in self.manifest.graphs if name in graph.outputs)

    def steps(self, wanted: Iterable[str], known: Collection[str]) -> list[Step]:
        """The graphs needed for the outputs, from the lowest level up, and which of their outputs to keep."""
        missing = set(wanted) - set(known)
        steps: list[Step] = []
        for graph in reversed(self.manifest.graphs):
            outputs = [name for name in graph.outputs if name in missing]
            if outputs:
                steps.insert(0, (graph, outputs))
                missing = (missing - set(outputs)) | (_outputs_read(graph, self.manifest) - set(known))
        return sorted(steps, key=lambda step: -len(self.manifest.level.path(step[0].level)))

    def _run_stage(
        self, things: Packed, level: Level, rows: IntArray, stage: Sequence[Step], kept: Collection[str]
    ) -> dict[str, FloatArray]:
        """Run graphs of one level on some of its things, and return the outputs to keep."""
        given = [name for _, outputs in stage for name in outputs if name in kept]
        members = level.members[0].name if level.members else ""
        results: dict[str, FloatArray] = {}
        for name in given:
            of_members = self._is_of_members(name, level)
            count = len(things.members[members].things) if of_members else len(things)
            results[name] = np.full((count, self._dim(name)), np.nan, dtype=np.float32)
        if len(rows) == 0:
            return results
        sessions = [(self.session(graph), graph.inputs, outputs) for graph, outputs in stage]

        def evaluate(bucket: IntArray) -> None:
            chosen = rows[bucket]
            arrays: Arrays = pad(things.take(chosen), level, self.multiple)
            for session, inputs, outputs in sessions:
                values = run_graph(session, outputs, {name: arrays[name] for name in inputs})
                arrays.update(zip(outputs, values, strict=True))
            for name, result in results.items():
                with described_shape(name, result.shape[1:], arrays[name]):
                    if self._is_of_members(name, level):
                        result[things.members[members].rows(chosen)] = arrays[name][arrays[f"{members}_mask"]]
                    else:
                        result[chosen] = arrays[name]

        on_gpu = any(session.get_providers()[0] == CUDA for session, *_ in sessions)
        lengths = np.max([np.zeros(len(rows), np.int64), *(m.counts[rows] for m in things.members.values())], axis=0)
        tokens = self.batch_tokens or default_batch_tokens(self.manifest, level, on_gpu=on_gpu)
        _each(evaluate, length_buckets(lengths, tokens, self.multiple), 1 if on_gpu else self.threads)
        return results

    def _is_of_members(self, name: str, level: Level) -> bool:
        return any(output.name == name and output.level != level.name for output in self.manifest.outputs)

    def _dim(self, name: str) -> int:
        return self.manifest.output(name).dim


def default_batch_tokens(manifest: Manifest, level: Level, *, on_gpu: bool = False) -> int:
    """Padded tokens per batch: few enough that the activations stay in a core's cache, or enough to keep a GPU busy.

    Measured on one core: 512 tokens are best at width 128, 1024 at width 64. Twice or half as many cost 2-5%.
    """
    if on_gpu or not level.members:
        return GPU_TOKENS
    if any(member.members for member in manifest.level.find(level.name).members):
        return EVENT_JETS
    widths = [output.dim for output in manifest.outputs if output.name == "embedding"]
    return max(128, 2**16 // max(widths, default=128))


def known_outputs(packed: Packed, level: Level) -> set[str]:
    """Names of the outputs that are packed with the things, on any level."""
    names = set(packed.known)
    for member in level.members:
        if member.name in packed.members:
            names |= known_outputs(packed.members[member.name].things, member)
    return names


def _read_above(steps: Iterable[Step], level: str) -> set[str]:
    """What graphs of other levels read from the things of this level, such as their embedding."""
    prefix = f"{level}_"
    read = {name for graph, _ in steps if graph.level != level for name in graph.inputs}
    return {name.removeprefix(prefix) for name in read if name.startswith(prefix)}


def _outputs_read(graph: Graph, manifest: Manifest) -> set[str]:
    """Outputs of earlier graphs that a graph reads, at its own level or for its members."""
    level = manifest.level.find(graph.level)
    raw = set(array_names(level))
    read = set()
    for name in set(graph.inputs) - raw:
        prefix = next((f"{member.name}_" for member in level.members if name.startswith(f"{member.name}_")), "")
        read.add(name.removeprefix(prefix))
    return read


def rows_below(packed: Packed, path: Sequence[str], rows: IntArray) -> IntArray:
    """Row numbers of the things below some rows, on the level at the end of a path."""
    for name in path:
        members = packed.members[name]
        packed, rows = members.things, members.rows(rows)
    return rows


def _prune(level: Level, read: set[tuple[str, str]], parent: str = "") -> Level:
    """Remove the fields and members that no graph reads. Members keep the field that orders them."""
    members = tuple(_prune(member, read, level.name) for member in level.members)
    read_of = {name for of, name in read if of == level.name}
    kept = tuple(
        member
        for member in members
        if member.members or any(name == member.name or name.startswith(f"{member.name}_") for name in read_of)
    )
    own = {(level.name, level.name), (parent, level.name)} & read
    order = tuple(field for field in level.fields if parent and field.name == level.order)
    return replace(level, members=kept, fields=level.fields if own else order)


def _each(evaluate: Callable[[IntArray], None], buckets: Sequence[IntArray], threads: int) -> None:
    if threads == 1:
        for bucket in buckets:
            evaluate(bucket)
    else:
        for _ in _pool(os.getpid(), threads).map(evaluate, buckets):
            pass


@lru_cache
def _pool(pid: int, threads: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a forked child has none of the threads
    """One thread pool for all tagging in this process, so that concurrent tasks share the worker's threads."""
    return ThreadPoolExecutor(threads, thread_name_prefix="coffea-fm")
