"""Random jets as awkward arrays, and trees of levels filled with random numbers."""

from __future__ import annotations

import awkward as ak
import numpy as np

from coffea_fm.tokens import Level, Members, Packed


def make_jets(multiplicity: list[int], per_event: list[int], seed: int = 0) -> ak.Array:
    """Jets with so many constituents each, so many in each event; some constituents have no d0."""
    rng = np.random.default_rng(seed)
    n_tokens = sum(multiplicity)
    d0 = ak.Array([value if value > -0.5 else None for value in rng.normal(size=n_tokens)] or [0.0])[:n_tokens]
    tokens = ak.zip(
        {
            "pt": rng.exponential(size=n_tokens),
            "eta": rng.normal(size=n_tokens),
            "d0": d0,
            "extra": rng.random(n_tokens),
        }
    )
    jets = ak.zip({"pt": rng.random(len(multiplicity)), "mass": rng.random(len(multiplicity))})
    jets["constituents"] = ak.unflatten(tokens, np.array(multiplicity, dtype=np.int64))
    return ak.unflatten(jets, np.array(per_event, dtype=np.int64))


def random_tree(level: Level, n: int, seed: int, most: int = 4) -> Packed:
    """So many things of a level, with up to `most` members each, down to the lowest level."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, len(level.fields))).astype(np.float32)
    missing = rng.random((n, len(level.missing_names))) < 0.3
    for column, name in enumerate(level.missing_names):
        values[missing[:, column], level.names.index(name)] = 0.0
    members = {}
    for index, member in enumerate(level.members):
        counts = rng.integers(member.minimum, most + 1, n)
        members[member.name] = Members(counts, random_tree(member, int(counts.sum()), seed + 7 * index + 1, most))
    return Packed(values, missing, members)
