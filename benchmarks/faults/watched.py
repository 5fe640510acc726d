"""The processor of the fault runs: tags, fills histograms, writes shards, and marks every entry that it saw."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
from coffea.processor import ProcessorABC

import coffea_fm

ENTRIES = 2000
"""More than any file has."""


class Watched(ProcessorABC):
    """Tag, fill, collect.

    Parameters
    ----------
    shards : str
        Folder of the shards.
    bundle : str
        The tagger.
    hungry : str
        Folder of marks; a chunk whose first entry is a multiple of 280 takes much memory the first time.
    """

    def __init__(self, shards: str, bundle: str = "jet-classifier-kinematic", hungry: str = "") -> None:
        self.tagger = coffea_fm.load(bundle)
        self.taggers = {"FatJet": self.tagger}
        self.collector = coffea_fm.collector(shards, fields=("pt", "eta", "phi", "mass"))
        self.hungry = hungry

    def process(self, events: Any) -> dict[str, Any]:
        """One chunk."""
        about = events.metadata
        self._eat(about)
        scores = self.tagger(events.FatJet)
        dataset = hist.axis.StrCategory([], growth=True, name="dataset")
        score = hist.Hist(dataset, hist.axis.Regular(50, 0, 1, name="score"))
        score.fill(dataset=about["dataset"], score=ak.flatten(ak.drop_none(scores.Hbb)))
        entries = hist.Hist(dataset, hist.axis.Integer(0, ENTRIES, name="entry"))
        entries.fill(dataset=about["dataset"], entry=np.arange(about["entrystart"], about["entrystop"]))
        counts = {"events": len(events), **self.collector(events.FatJet, events=events)}
        return {"score": score, "entries": entries, "cutflow": {about["dataset"]: counts}}

    def _eat(self, about: dict[str, Any]) -> None:
        if not self.hungry or about["entrystart"] % 280:
            return
        mark = Path(self.hungry) / f"{about['dataset']}-{about['entrystart']}"
        if not mark.exists():
            mark.touch()
            food = []
            while True:  # until the worker is killed
                food.append(os.urandom(50_000_000))

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""
