"""Run a bundle on events: the backbone over all their jets, the head over events, joined by the index of the jets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

from coffea_fm.bundle.manifest import Graph, Manifest
from coffea_fm.errors import InputError
from coffea_fm.inference.arrays import flatten_vectors
from coffea_fm.inference.checks import Findings, inspect
from coffea_fm.inference.run import Arrays, needed, run
from coffea_fm.tokens import Collection, InputSpec, PackedSets
from coffea_fm.tokens.events import event_arrays, jet_features, pack_events, read_jets
from coffea_fm.tokens.jagged import IntArray, offsets_of, ranges
from coffea_fm.tokens.packed import FloatArray
from coffea_fm.tokens.padding import length_buckets

EVENT_JETS = 4096
"""Padded jets of a batch of events."""

Sessions = Callable[[Graph], Any]
Say = Callable[[Findings], None]


class Scored(NamedTuple):
    """What came out of events.

    Attributes
    ----------
    results : dict of str to float32 array of shape [n_events, dim]
        By output.
    counts : dict of str to int
        ``events``; among them ``too_few_jets`` and ``with_unusable_jet`` (without constituents, or with a number that
        is not finite), which score NaN; and what `Findings` counts of the jets that were read.
    """

    results: dict[str, FloatArray]
    counts: dict[str, int]


def tag_events(
    jets: ak.Array, manifest: Manifest, sessions: Sessions, wanted: Sequence[str], *, threads: int, say: Say
) -> Scored:
    """Score events from their jets.

    Parameters
    ----------
    jets : awkward.Array
        A list of jets for each event.
    manifest : Manifest
        Of a bundle of events.
    sessions : callable
        Gives the onnxruntime session of a graph.
    wanted : sequence of str
        Names of outputs of events.
    threads : int
        How many batches of jets run side by side.
    say : callable
        Takes what is remarkable about the jets.
    """
    collection = manifest.collections[0]
    packed, counts, features = pack_events(jets, manifest.inputs, collection)
    everything = replace(manifest.inputs, jet=manifest.inputs.jet + collection.fields)
    findings = inspect(PackedSets(packed.groups, np.hstack([packed.jet, features])), everything)
    say(replace(findings, remarks=findings.remarks | named_otherwise(jets, collection)))
    results = run(packed, manifest, sessions, ["embedding"], sets=findings.scored, threads=threads)
    return _score(results["embedding"], features, counts, manifest, sessions, wanted, findings)


def score_embedded(
    embedding: ak.Array, jets: ak.Array, manifest: Manifest, sessions: Sessions, wanted: Sequence[str], *, say: Say
) -> Scored:
    """Score events from embeddings of their jets and the fields of these: the head alone.

    Raises
    ------
    InputError
        If there is not one embedding for each jet.
    """
    collection = manifest.collections[0]
    try:
        embedded = ak.with_field(jets, embedding, "coffea_fm_embedding")
    except (ValueError, TypeError) as error:
        raise InputError("the embeddings do not fit the jets: select both alike, one embedding for each jet") from error
    read, counts = read_jets(embedded, collection)
    features = jet_features(read, collection)
    findings = inspect(PackedSets({}, features), InputSpec((), collection.fields))
    say(replace(findings, remarks=findings.remarks | named_otherwise(jets, collection)))
    vectors, _ = flatten_vectors(read["coffea_fm_embedding"], manifest.output("embedding").dim)
    if len(vectors) != len(features):
        raise InputError("some jets have None as their embedding: give those that tagger.embed gave for these jets")
    return _score(vectors, features, counts, manifest, sessions, wanted, findings)


def named_otherwise(jets: ak.Array, collection: Collection) -> dict[str, str]:
    """A remark if the jets say that they are of another collection, which may be of another radius."""
    name = jets.layout.purelist_parameter("collection_name")
    if name in (None, collection.name):
        return {}
    return {
        "another collection": f"the model was trained on jets called {collection.name}, and these are called {name}: "
        "make sure that they are of the same radius and kind"
    }


def _score(
    embedding: FloatArray,
    features: FloatArray,
    counts: IntArray,
    manifest: Manifest,
    sessions: Sessions,
    wanted: Sequence[str],
    findings: Findings,
) -> Scored:
    usable = np.isfinite(embedding).all(axis=1) & np.isfinite(features).all(axis=1)
    event_of_jet = np.repeat(np.arange(len(counts)), counts)
    unusable = np.zeros(len(counts), dtype=np.bool_)
    unusable[event_of_jet[~usable]] = True
    scored = np.flatnonzero((counts > 0) & ~unusable)
    results = {name: np.full((len(counts), manifest.output(name).dim), np.nan, dtype=np.float32) for name in wanted}
    collection = manifest.collections[0]
    head = needed(manifest.graphs, wanted, known=collection.inputs)
    steps = [(sessions(graph), graph.inputs, outputs) for graph, outputs in head] if len(scored) else []
    starts = offsets_of(counts)[:-1]
    for bucket in length_buckets(counts[scored], EVENT_JETS, 1) if len(scored) else []:
        events = scored[bucket]
        rows = ranges(starts[events], counts[events])
        arrays: Arrays = event_arrays(embedding[rows], features[rows], counts[events], collection)
        for session, inputs, outputs in steps:
            values = session.run(outputs, {name: arrays[name] for name in inputs})
            arrays.update(zip(outputs, values, strict=True))
        for name in wanted:
            results[name][events] = arrays[name]
    told = {
        "events": len(counts),
        "too_few_jets": int((counts == 0).sum()),
        "with_unusable_jet": int(unusable.sum()),
    }
    return Scored(results, told | findings.counts)
