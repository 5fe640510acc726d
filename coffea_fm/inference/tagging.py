"""Apply a chain of graphs to awkward arrays: check the inputs, run, and restore the layout."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak

from coffea_fm.inference.arrays import assemble
from coffea_fm.inference.chain import Chain
from coffea_fm.inference.checks import inspect, named_otherwise, warn_once
from coffea_fm.inference.reports import Report, attach
from coffea_fm.inference.trace import collection
from coffea_fm.tokens import Level, Packed, pack
from coffea_fm.tokens.jagged import Rewrap
from coffea_fm.tokens.pack import Chosen, chosen_members


@dataclass(frozen=True)
class Tagging:
    """A chain of graphs applied to awkward arrays that hold data.

    Parameters
    ----------
    chain : Chain
    checksum : str
        Checksum of the model, for reports and warnings.
    """

    chain: Chain
    checksum: str

    def tag(self, things: ak.Array, level: Level, names: tuple[str, ...], given: ak.Array, *, record: bool) -> ak.Array:
        """Compute outputs of things.

        Parameters
        ----------
        things : awkward.Array
            Jets, or events that hold them.
        level : Level
            What is read from them.
        names : tuple of str
            Names of the outputs.
        given : awkward.Array
            The jets passed by the user, for warnings.
        record : bool
            Return a record of the outputs, even if there is only one.
        """
        packed, rewrap = pack(things, level)
        asked = {self.chain.manifest.output(name).level for name in names}
        of_members = next((member for member in level.members if member.name in asked), None)
        members = None if of_members is None else chosen_members(things, of_members)
        return self.run(packed, level, names, rewrap, given, members=members, record=record)

    def run(
        self,
        packed: Packed,
        level: Level,
        names: tuple[str, ...],
        rewrap: Rewrap,
        given: ak.Array,
        *,
        members: Chosen | None = None,
        record: bool = False,
    ) -> ak.Array:
        """Compute outputs of packed things, in the layout of `rewrap`, with the report attached."""
        manifest = self.chain.manifest
        findings = inspect(packed, level)
        remarks = findings.remarks | named_otherwise(given, level)
        warn_once(remarks, self.checksum, f"bundle {manifest.name!r} on {collection(given)}")
        results = self.chain.run(packed, level, names, usable=findings.usable)
        outputs = [manifest.output(name) for name in names]
        tagged = assemble(results, outputs, rewrap, record=record, members=members)
        return attach(tagged, Report(manifest.name, self.checksum, findings.counts))
