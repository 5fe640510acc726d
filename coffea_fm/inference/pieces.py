"""Many things, a piece at a time: what is packed of a large chunk never is in memory as a whole."""

from __future__ import annotations

import numpy as np

from coffea_fm.inference.answer import Answer, answer
from coffea_fm.inference.chain import Chain
from coffea_fm.inference.findings import Findings
from coffea_fm.inference.things import Things
from coffea_fm.tokens import Level

PIECE = 2**14
"""Things that are packed together. The length buckets of as many are as well filled as those of more."""


def answer_in_pieces(chain: Chain, things: Things, level: Level, names: tuple[str, ...], checksum: str) -> Answer:
    """Run a chain of graphs on things; see `coffea_fm.inference.answer.answer`."""
    if len(things) <= PIECE:
        return answer(chain, things.packed(level), level, names, things.given, checksum)
    pieces = [np.arange(start, min(start + PIECE, len(things))) for start in range(0, len(things), PIECE)]
    answers = [answer(chain, things.take(rows).packed(level), level, names, things.given, checksum) for rows in pieces]
    results = {name: np.concatenate([part.results[name] for part in answers]) for name in names}
    findings = [part.findings for part in answers]
    return Answer(results, Findings.joined(list(zip(pieces, findings, strict=True)), len(things)))
