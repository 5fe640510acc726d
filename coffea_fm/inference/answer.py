"""What a model gives for many things, and why it gives nothing for some of them."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak

from coffea_fm.arrays import FloatArray
from coffea_fm.inference.chain import Chain
from coffea_fm.inference.checks import inspect, named_otherwise, warn_once
from coffea_fm.inference.findings import Findings
from coffea_fm.inference.reuse.sharing import run_shared
from coffea_fm.inference.trace import collection
from coffea_fm.tokens import Level, Packed


@dataclass(frozen=True)
class Answer:
    """Outputs of things, row by row.

    Parameters
    ----------
    results : dict of str to float32 array of shape [n, dim]
        One row for each thing of the output's level; NaN for things that cannot be scored.
    findings : Findings
        Which cannot, and what else is odd about them.
    """

    results: dict[str, FloatArray]
    findings: Findings


def answer(
    chain: Chain, packed: Packed, level: Level, names: tuple[str, ...], given: ak.Array, checksum: str
) -> Answer:
    """Check the inputs of a chain of graphs, warn about them, and run it.

    Parameters
    ----------
    chain : Chain
    packed : Packed
        What the graphs read, and outputs that are already known.
    level : Level
        Describes `packed`.
    names : tuple of str
        Names of the outputs.
    given : awkward.Array
        The jets passed by the user, for warnings.
    checksum : str
        Checksum of the model: each warning is given once for it.
    """
    findings = inspected(chain, packed, level, given, checksum)
    return Answer(run_shared(chain, packed, level, names, usable=findings.usable), findings)


def inspected(chain: Chain, packed: Packed, level: Level, given: ak.Array, checksum: str) -> Findings:
    """Check the inputs of a chain of graphs, and warn about them; see `answer`."""
    findings = inspect(packed, level)
    remarks = {**findings.remarks, **named_otherwise(given, level)}
    warn_once(remarks, checksum, f"bundle {chain.manifest.name!r} on {collection(given)}")
    return findings
