"""The models that a processor holds, and roughly what they cost: from their files, without running them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType

import numpy as np

from coffea_fm.inference import process_cache
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.tagger import Tagger

TOKENS = 40
"""Constituents of a jet, roughly."""
FLOPS = 20e9
"""Operations per second of one core. Measured: 40e9 with AVX-512, in transformers; ParticleNet is three times slower."""


@dataclass(frozen=True)
class Model:
    """What tagging with one bundle takes.

    Parameters
    ----------
    checksum : str
        Of the model.
    size : int
        Bytes of its graphs.
    seconds : float
        Of one core for one jet, within a factor of three.
    """

    checksum: str
    size: int
    seconds: float


def models_of(*holders: object) -> list[Model]:
    """The models of all taggers that these objects hold, each once. Those on a server cost nothing here."""
    taggers = {tagger.checksum: tagger for tagger in taggers_in(holders) if isinstance(tagger, Tagger)}
    return [_model(taggers[checksum]) for checksum in sorted(taggers)]


def taggers_in(*holders: object) -> list[BaseTagger]:
    """Taggers in attributes, lists and mappings, and those inside other taggers."""
    found, seen, waiting = [], set[int](), list(holders)
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, str | bytes | type | ModuleType | np.ndarray):
            continue
        seen.add(id(value))
        if isinstance(value, BaseTagger):
            found.append(value)
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple | set | frozenset):
            waiting += value
        elif not isinstance(value, Tagger | FunctionType):
            waiting += getattr(value, "__dict__", {}).values()
    return found


def tagged_collections(processor: object) -> dict[str, list[BaseTagger]]:
    """Which taggers a processor runs on which collection, if it says so: ``taggers = {"FatJet": tagger}``."""
    offered = getattr(processor, "taggers", None)
    return {name: taggers_in(given) for name, given in offered.items()} if isinstance(offered, Mapping) else {}


def _model(tagger: Tagger) -> Model:
    manifest = tagger.manifest
    bundle = process_cache.find(tagger.source, tagger.checksum, tagger.measured, tagger.carried)
    size, seconds = 0, 0.0
    for graph in manifest.graphs:
        stored = len(bundle.graph_bytes(graph.name))
        of_members = bool(manifest.level.find(graph.level).members)
        size += stored
        seconds += 2 * (stored / 4) * (TOKENS if of_members else 1) / FLOPS
    return Model(tagger.checksum, size, seconds)
