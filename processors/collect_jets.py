"""Write labelled large-radius jets as training examples. Short: copy it and make it yours.

coffea-fm collect FILESET.json --output data/jets/train
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from coffea.processor import ProcessorABC

from coffea_fm.shards import Source, write_shard
from coffea_fm.tokens import JET_CLASSES, InputSpec, PackedSets, jet_fields, pack, token_group

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")


class CollectJets(ProcessorABC):  # type: ignore[misc]
    """Pack the jets that have a class into one shard a chunk, named by dataset, file and entry range.

    Parameters
    ----------
    folder : str
        Where the shards go; a chunk that is run again replaces its shard.
    collection : str
        The jets.
    label : str
        Their field with the index of the class, negative for none.
    classes : sequence of str
        Names of the classes.
    fields : sequence of str
        Fields of the constituents to keep.
    jet : sequence of str
        Fields of the jet to keep.
    columns : sequence of str
        Further numbers of each jet to keep.
    max_tokens : int
        How many constituents to keep, by falling pT.
    """

    def __init__(
        self,
        folder: str,
        collection: str = "FatJet",
        label: str = "label",
        classes: Sequence[str] = JET_CLASSES,
        fields: Sequence[str] = FIELDS,
        jet: Sequence[str] = ("pt", "eta", "phi", "mass"),
        columns: Sequence[str] = ("msoftdrop",),
        max_tokens: int = 128,
    ) -> None:
        group = token_group("constituents", tuple(fields), max_tokens=max_tokens)
        self.spec = InputSpec((group,), jet_fields(tuple(jet)))
        self.folder, self.collection, self.label = Path(folder).absolute(), collection, label
        self.classes, self.columns = tuple(classes), tuple(columns)

    def process(self, events: Any) -> dict[str, Any]:
        """Write the shard of one chunk."""
        jets = ak.flatten(events[self.collection])
        labelled = jets[jets[self.label] >= 0]
        packed, _ = pack(labelled, self.spec)
        complete = has_tokens(packed) & is_finite(packed)
        numbers = {name: ak.to_numpy(labelled[name])[complete] for name in self.columns}
        numbers["target"] = ak.to_numpy(labelled[self.label])[complete]
        source = Source.of(events.metadata)
        if complete.any():
            write_shard(
                self.folder / source.shard_name,
                packed.take(np.flatnonzero(complete)),
                self.spec,
                columns=numbers,
                classes=self.classes,
                source=source,
            )
        counts = {
            "events": len(events),
            "jets": len(jets),
            "without_class": len(jets) - len(labelled),
            "without_constituents": int((~has_tokens(packed)).sum()),
            "not_finite": int((~is_finite(packed)).sum()),
            "written": int(complete.sum()),
        }
        return {"cutflow": {source.dataset: counts}}

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""


def has_tokens(packed: PackedSets) -> Any:
    """Which jets have a constituent, bool [n_jets]."""
    return packed.groups["constituents"].lengths > 0


def is_finite(packed: PackedSets) -> Any:
    """Which jets have finite numbers only, bool [n_jets]."""
    tokens = packed.groups["constituents"]
    wrong = ~np.isfinite(tokens.values).all(axis=1)
    jet_of_token = np.repeat(np.arange(len(packed)), tokens.lengths)
    return np.isfinite(packed.jet).all(axis=1) & (np.bincount(jet_of_token[wrong], minlength=len(packed)) == 0)
