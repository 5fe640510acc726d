"""Answers that are partly known: a model runs for jets only whose inputs it has not seen in the same call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.inference.answer import Answer, inspected
from coffea_fm.inference.chain import Chain
from coffea_fm.inference.findings import Findings
from coffea_fm.inference.pieces import answer_in_pieces
from coffea_fm.inference.reuse.keys import stored_keys
from coffea_fm.inference.reuse.memory import Columns
from coffea_fm.inference.reuse.probing import MOST, fields_that_matter
from coffea_fm.inference.things import Things
from coffea_fm.tokens import Level
from coffea_fm.tokens.pack import pack_rows

_LOST = "lost "
_OUTSIDE = "outside"
_RESULT = "result "


def answer_things(chain: Chain, things: Things, names: tuple[str, ...], checksum: str) -> Answer:
    """Read things and run a chain of graphs on them, with what is known of them; see `answer`."""
    level = chain.reads(names)
    if things.recall is None:
        return answer_in_pieces(chain, things, level, names, checksum)
    things.recall.alive.append(things)
    path = level.path(_jets(level).name)
    known = _of_jets(chain, names, level)
    if not known or len(path) > 1:
        return answer_in_pieces(chain, things, level, names, checksum)
    if not path and chain.reads(known) == level:
        return _recalled(chain, things, names, checksum, level)
    jets, read = things.members(level.members[0]) if path else things, chain.reads(known)
    if path:
        some = jets.take(np.arange(min(4 * MOST, len(jets)))).packed(read)
        read = fields_that_matter(chain, some, read, known)
    return _above(chain, things, names, checksum, level, path, _recalled(chain, jets, known, checksum, read))


def _above(
    chain: Chain,
    things: Things,
    names: tuple[str, ...],
    checksum: str,
    level: Level,
    path: tuple[str, ...],
    below: Answer,
) -> Answer:
    """Run the graphs that read what the backbone gives for the jets, with the fields that they read beside it."""
    bare = level.map(lambda part: replace(part, members=()) if part.name == _jets(level).name else part)
    packed = pack_rows(things.rows, bare).with_known(path, below.results)
    findings = inspected(chain, packed, level, things.given, checksum)
    if not path:
        findings = Findings.of_all([below.findings, findings])
    results = {name: below.results[name] for name in names if name in below.results and not path}
    wanted = [name for name in names if name not in results]
    return Answer({**results, **chain.run(packed, level, wanted, usable=findings.usable)}, findings)


def _recalled(chain: Chain, things: Things, names: tuple[str, ...], checksum: str, read: Level) -> Answer:
    """Outputs of jets that depend on nothing but what is read of them, from memory or computed."""
    if things.recall is None:
        raise TypeError("there is no memory to recall from")
    level = chain.reads(names)
    things.require(level)

    def compute(new: IntArray) -> Columns:
        made = answer_in_pieces(chain, things.take(new), level, names, checksum)
        columns: Columns = {_RESULT + name: rows for name, rows in made.results.items()}
        columns |= {_LOST + name: lost for name, lost in made.findings.lost.items()}
        return columns | {_OUTSIDE: made.findings.outside}

    columns = things.recall.memories[(checksum, *names)].complete(stored_keys(things.rows, read), compute)
    lost = {name.removeprefix(_LOST): column for name, column in columns.items() if name.startswith(_LOST)}
    results = {name: columns[_RESULT + name] for name in names}
    return Answer(results, Findings(lost, columns[_OUTSIDE], {f"{level.name}s": len(things)}))


def _jets(level: Level) -> Level:
    """The level whose members are tokens: the top of a model of jets, or the jets of a model of events."""
    while members := [member for member in level.members if member.members]:
        level = members[0]
    return level


def _of_jets(chain: Chain, names: tuple[str, ...], level: Level) -> tuple[str, ...]:
    """What graphs give for each jet from its tokens, if that is all that others need of the tokens."""
    jets, own = _jets(level), {(output.name, output.level) for output in chain.manifest.outputs if not output.pairs}
    known: list[str] = []
    for graph, outputs in chain.steps(names, ()):
        if graph.level == jets.name and any(member.name in graph.inputs for member in jets.members):
            if not all((name, jets.name) in own for name in outputs):
                return ()
            known += outputs
    above = chain.reads(names, known=known) if set(names) - set(known) else None
    return () if above is not None and _jets(above).members and _jets(above).name == jets.name else tuple(known)
