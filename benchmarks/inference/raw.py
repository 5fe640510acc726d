"""A shipped bundle by hand: its raw columns padded in awkward, given to onnxruntime graph after graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np

from coffea_fm.bundle import Bundle
from coffea_fm.tokens import Level

Arrays = dict[str, np.ndarray]
N_SLOTS = 128
_RAW = {"pt_raw": "pt", "mass_raw": "mass"}


def prepare(jets: ak.Array, level: Level) -> Arrays:
    """Arrays of the bundle's graphs for flat jets, padded to 128 constituents."""
    (member,) = level.members
    tokens = jets.constituents[ak.argsort(jets.constituents.pt, ascending=False)]
    counts = np.minimum(ak.to_numpy(ak.num(tokens)), N_SLOTS)
    columns = [_cube(tokens[name]) for name in member.names]
    missing = [np.isnan(_cube(tokens[name], np.nan)) for name in member.missing_names]
    mask = np.arange(N_SLOTS) < counts[:, np.newaxis]
    arrays = {
        level.name: np.stack([ak.to_numpy(jets[_RAW.get(name, name)]) for name in level.names], axis=1),
        member.name: np.stack(columns, axis=-1),
        f"{member.name}_mask": mask,
        f"{member.name}_missing": np.stack(missing, axis=-1) & mask[:, :, np.newaxis],
    }
    return {name: values if values.dtype == bool else values.astype(np.float32) for name, values in arrays.items()}


def run(bundle: Bundle, sessions: Mapping[str, Any], arrays: Arrays, batch: int, *, by_length: bool) -> np.ndarray:
    """Scores in batches of as many jets: as they come, or sorted by length and cut to the longest of each batch."""
    (member,) = bundle.manifest.level.members
    lengths = arrays[f"{member.name}_mask"].sum(axis=1)
    order = np.argsort(-lengths, kind="stable") if by_length else np.arange(len(lengths))
    scores = np.empty((len(order), bundle.manifest.output("scores").dim), np.float32)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        longest = max(1, lengths[chosen[0]]) if by_length else N_SLOTS
        found = {
            name: values[chosen, :longest] if name.startswith(member.name) else values[chosen]
            for name, values in arrays.items()
        }
        for graph in bundle.manifest.graphs:
            results = sessions[graph.name].run(list(graph.outputs), {name: found[name] for name in graph.inputs})
            found |= dict(zip(graph.outputs, results, strict=True))
        scores[chosen] = found["scores"]
    return scores


def _cube(column: ak.Array, fill: float = 0.0) -> np.ndarray:
    padded = ak.pad_none(column, N_SLOTS, axis=1, clip=True)
    return ak.to_numpy(ak.fill_none(padded, fill), allow_missing=False)
