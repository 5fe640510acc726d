"""Write labelled large-R jets as training examples. Copy and adapt it for your analysis.

coffea-fm collect FILESET.json --output data/jets/train
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coffea.processor import ProcessorABC

from coffea_fm import collector
from coffea_fm.classes import CLASSES_OF_LABEL
from coffea_fm.errors import RecipeError
from coffea_fm.schemas.collections import collection_of
from coffea_fm.shards.collect import FIELDS, JET


class CollectJets(ProcessorABC):  # type: ignore[misc]
    """Write the jets that have a class as one shard per chunk, named by dataset, file and entry range.

    Parameters
    ----------
    folder : str
        Output folder; a chunk that runs again replaces its shard.
    collection : str
        Collection of jets.
    label : str
        Field of the jets with the class index, negative for none.
    classes : sequence of str, optional
        Names of the classes; by default those of simulated jets.
    fields : sequence of str
        Fields of the constituents to keep.
    jet : sequence of str
        Fields of the jet to keep.
    columns : sequence of str
        Further numbers to keep for each jet.
    truth : sequence of str
        Further fields of the constituents, for methods that predict properties of constituents.
    max_tokens : int
        Number of constituents to keep, by descending pT.
    vertices : sequence of str
        Fields of secondary vertices to keep.
    """

    def __init__(
        self,
        folder: str,
        collection: str = "FatJet",
        label: str = "label",
        classes: Sequence[str] | None = None,
        fields: Sequence[str] = FIELDS,
        jet: Sequence[str] = JET,
        columns: Sequence[str] = ("msoftdrop",),
        truth: Sequence[str] = (),
        max_tokens: int = 128,
        vertices: Sequence[str] = (),
    ) -> None:
        classes = classes or CLASSES_OF_LABEL.get(label)
        if classes is None:
            raise RecipeError(
                f"the meaning of the numbers in {label!r} is unknown: name the classes, classes=[first, second]"
            )
        self.collect = collector(
            folder, classes, fields=fields, jet=jet, truth=truth, max_tokens=max_tokens, vertices=vertices
        )
        self.collection, self.label, self.columns = collection, label, tuple(columns)

    def process(self, events: Any) -> dict[str, Any]:
        """Write the shard of one chunk."""
        jets = collection_of(events, self.collection)
        counts = self.collect(jets, self.label, events=events, columns=self.columns)
        return {"cutflow": {events.metadata["dataset"]: {"events": len(events), **counts}}}

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""
