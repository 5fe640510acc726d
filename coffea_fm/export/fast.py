"""Add the fast variant to a bundle: 8-bit integers, made and checked on labelled jets or events."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from coffea_fm.arrays import FloatArray, IntArray
from coffea_fm.bundle import Bundle, Graph, Manifest, PrecisionCheck, Variant, load_bundle, save_variant
from coffea_fm.errors import InputError
from coffea_fm.evaluation.paired import Estimate, paired
from coffea_fm.export.check import ExportError, open_session
from coffea_fm.export.examples import spread_row_groups
from coffea_fm.export.int8 import Recorder, folded, products, to_int8, with_outputs
from coffea_fm.inference.chain import Chain
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Packed
from coffea_fm.tokens.usable import any_reason, unusable

INVARIANCE = 1e-5
"""Largest difference of a score between batches that is accepted."""
_SCALES = 1000
_MOST = 20_000
_PIECE = 53
_METHOD = "static 8-bit integers: a scale for each column of weights, fixed scales of activations without padding; GELU by tanh"


@dataclass(frozen=True)
class FastResult:
    """Result of `make_fast`.

    Parameters
    ----------
    bundle : str
    variant : Variant
        With the measured differences.
    """

    bundle: str
    variant: Variant

    def __str__(self) -> str:
        """Summary in a few lines."""
        check = self.variant.check
        auc = ", ".join(f"{name} {value:+.4f} ± {error:.4f}" for name, (value, error) in check.auc.items())
        return (
            f"added the variant {self.variant.name} to {self.bundle}: {self.variant.method}\n"
            f"on {check.things:,} others: scores differ by {check.mean:.1e} on average and {check.largest:.1e} at most, "
            f"accuracy by {check.accuracy[0]:+.4f} ± {check.accuracy[1]:.4f}\n"
            f"AUC differs by: {auc}\n"
            f"the same jets in other batches: {check.rechunked:.1e} at most"
        )


def make_fast(bundle: str | os.PathLike[str], data: str | os.PathLike[str]) -> FastResult:
    """Make the variant ``fast`` of a bundle, measure it, and add both to the bundle.

    The model and its checksum do not change. ``coffea_fm.load(bundle, precision="fast")`` loads the variant.

    Parameters
    ----------
    bundle : path-like
        Folder of a bundle with scores.
    data : path-like
        Folder of labelled shards that the model was not trained on. The first thousand (at most a quarter) choose the
        scales; the differences are measured on the others.

    Raises
    ------
    ExportError
        If the scores of the variant depend on the batch.
    InputError
        If no matrix product of the bundle is large enough, or the data has none of its classes.
    """
    loaded = load_bundle(bundle)
    manifest = loaded.manifest
    classes = manifest.output("scores").classes
    packed, target = _labelled(ShardDataset(data, manifest.level), manifest, classes)
    n_scales = min(_SCALES, len(packed) // 4)
    made = _convert(loaded, packed.take(np.arange(n_scales)))
    if not made:
        raise InputError(f"{bundle} has no matrix product that is large enough for 8 bits: use it as it is")
    tested = np.arange(n_scales, len(packed))[:_MOST]
    check = _measure(loaded, made, packed.take(tested), target[tested], classes)
    if check.rechunked > INVARIANCE:
        raise ExportError(
            f"scores of the fast variant change by {check.rechunked:.1e} when the batch changes: nothing is written"
        )
    graphs = tuple(
        Graph(**(graph.model_dump() | {"file": f"{graph.name}-fast.onnx", "sha256": ""}))
        for graph in manifest.graphs
        if graph.name in made
    )
    variant = Variant(name="fast", method=_METHOD, graphs=graphs, check=check)
    return FastResult(str(bundle), save_variant(bundle, variant, made))


def _labelled(data: ShardDataset, manifest: Manifest, classes: tuple[str, ...]) -> tuple[Packed, IntArray]:
    """Things that can be scored and belong to a class of the bundle, mixed, and their classes."""
    if not set(classes) & set(data.classes):
        raise InputError(f"{data.folder} has none of the classes of the bundle ({', '.join(classes)})")
    packed, columns = data.read(spread_row_groups(data, 2 * _MOST))
    of_bundle = np.array([classes.index(name) if name in classes else -1 for name in data.classes])
    target = of_bundle[columns["target"].astype(np.int64)]
    good = (target >= 0) & ~any_reason(unusable(packed, manifest.level))
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(good))
    return packed.take(chosen), target[chosen]


def _convert(bundle: Bundle, packed: Packed) -> dict[str, bytes]:
    """The graphs in 8-bit integers, by name, where there is something to gain."""
    protos = {graph.name: folded(bundle.graphs[graph.name]) for graph in bundle.manifest.graphs}
    protos = {name: proto for name, proto in protos.items() if products(proto)}
    sessions: dict[str, Any] = {name: open_session(data) for name, data in bundle.graphs.items()}
    for name, proto in protos.items():
        read = sorted({node.input[0] for node in products(proto)})
        sessions[name] = Recorder(open_session(with_outputs(proto, read)), read)
    # One at a time, without padding: pairs of empty slots have values five times as large as those of tokens.
    one_by_one = Chain(bundle.manifest, lambda graph: sessions[graph.name], batch_tokens=1, multiple=1)
    one_by_one.run(packed, bundle.manifest.level, ("scores",))
    return {name: to_int8(proto, sessions[name].ranges) for name, proto in protos.items()}


def _measure(
    bundle: Bundle, made: Mapping[str, bytes], packed: Packed, target: IntArray, classes: tuple[str, ...]
) -> PrecisionCheck:
    full = {name: open_session(data) for name, data in bundle.graphs.items()}
    fast = full | {name: open_session(data) for name, data in made.items()}
    expected, found = (_scores(bundle.manifest, sessions, packed) for sessions in (full, fast))
    pieces = [np.arange(start, min(start + _PIECE, len(packed))) for start in range(0, min(len(packed), 1000), _PIECE)]
    again = np.concatenate([_scores(bundle.manifest, fast, packed.take(piece)) for piece in pieces])
    measured = paired({"full": expected, "fast": found}, target, classes, classes[0], 0.5)["fast"]
    difference = np.abs(found - expected)
    return PrecisionCheck(
        things=len(packed),
        largest=float(difference.max()),
        mean=float(difference.mean()),
        rechunked=float(np.abs(again - found[: len(again)]).max()),
        auc={name: _with_error(estimate) for name, estimate in measured.auc_difference.items()},
        accuracy=_with_error(measured.accuracy_difference),
    )


def _with_error(estimate: Estimate) -> tuple[float, float]:
    low, high = estimate.interval
    return float(estimate.value), float(high - low) / 2


def _scores(manifest: Manifest, sessions: Mapping[str, Any], packed: Packed) -> FloatArray:
    chain = Chain(manifest, lambda graph: sessions[graph.name])
    return chain.run(packed, manifest.level, ("scores",))["scores"]
