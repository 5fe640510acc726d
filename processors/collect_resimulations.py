"""Write the simulations of each jet side by side, as training examples. Copy and adapt it for your own simulation.

coffea-fm simulate jets raw --resimulate seed,fsr-up,fsr-down,tune
coffea-fm collect raw/*.root --processor collect_resimulations --output data/resimulations
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np
from coffea.processor import ProcessorABC

from coffea_fm import event_collector
from coffea_fm.classes import CLASSES_OF_LABEL
from coffea_fm.schemas.collections import collection_of
from coffea_fm.shards.collect import FIELDS, JET

MOST = 8
"""Largest number of simulations of a jet that the method ``rs3l`` reads."""


class CollectResimulations(ProcessorABC):  # type: ignore[misc]
    """Write one row for each simulated jet: all its simulations, as a list of jets.

    Jets with one simulation only are left out, and counted as ``too_few_FatJet``.

    Parameters
    ----------
    folder : str
        Output folder; a chunk that runs again replaces its shard.
    collection : str
        Collection of jets, with the fields ``pair`` and ``variation``.
    label : str
        Field of the jets with the class index.
    fields, jet : sequence of str
        Fields of the constituents and of the jets to keep.
    max_tokens : int
        Number of constituents to keep, by descending pT.
    """

    def __init__(
        self,
        folder: str,
        collection: str = "FatJet",
        label: str = "label",
        fields: Sequence[str] = FIELDS,
        jet: Sequence[str] = JET,
        max_tokens: int = 128,
    ) -> None:
        self.collect = event_collector(
            folder,
            CLASSES_OF_LABEL[label],
            collection=collection,
            order="stored",
            minimum=2,
            maximum=MOST,
            features=(),
            fields=fields,
            jet=jet,
            max_tokens=max_tokens,
        )
        self.collection, self.label = collection, label

    def process(self, events: Any) -> dict[str, Any]:
        """Write the shard of one chunk."""
        jets = collection_of(events, self.collection)
        jets = jets[ak.argsort(jets.pair, axis=1, stable=True)]
        number = ak.to_numpy(ak.flatten(jets.pair))
        event = np.repeat(np.arange(len(jets)), ak.to_numpy(ak.num(jets)))
        first = np.flatnonzero(np.diff(number, prepend=-1))
        simulations = ak.unflatten(ak.flatten(jets), np.diff(first, append=len(number)))
        columns = {"pair": number[first]}
        target = ak.to_numpy(ak.flatten(jets[self.label]))[first]
        counts = self.collect(simulations, target, events=events[event[first]], columns=columns)
        return {"cutflow": {events.metadata["dataset"]: {"events": len(events), **counts}}}

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""
