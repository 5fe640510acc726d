"""Which fields of jets change what a network gives for them: those of its input, or fewer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from coffea_fm.inference.chain import Chain
from coffea_fm.tokens import Level, Packed
from coffea_fm.tokens.usable import any_reason, unusable

MOST = 64
"""Number of jets to try it on."""
FEWEST = 8
_known: dict[tuple[str, ...], Level] = {}


def fields_that_matter(chain: Chain, packed: Packed, level: Level, names: tuple[str, ...]) -> Level:
    """The level without fields of its things that do not change these outputs.

    All fields of jets come as one matrix, of which the backbone of a model of events reads some columns and its head
    others. So each field is changed, up and down, and the outputs are compared bit by bit; once in a process for a model.

    Parameters
    ----------
    chain : Chain
    packed : Packed
        Things of the level; with fewer than 8 that can be scored, all fields are taken to matter.
    level : Level
    names : tuple of str
        Outputs, one row per thing.
    """
    key = (chain.manifest.checksum, *names)
    if key in _known:
        return _known[key]
    usable = np.flatnonzero(~any_reason(unusable(packed, level)))
    spread = np.linspace(0, len(usable) - 1, min(MOST, len(usable))).astype(np.int64)  # not only the first event's jets
    some = packed.take(usable[spread])
    if len(some) < FEWEST:
        return level
    before = chain.run(some, level, names)
    kept = []
    for index, field in enumerate(level.fields):
        for factor, more in ((1.25, 0.5), (0.8, -0.5)):
            values = some.values.copy()
            values[:, index] = values[:, index] * factor + more
            after = chain.run(replace(some, values=values), level, names, usable=np.ones(len(some), dtype=np.bool_))
            if any(not np.array_equal(before[name], after[name]) for name in names):
                kept.append(field)
                break
    _known[key] = replace(level, fields=tuple(kept))
    return _known[key]
