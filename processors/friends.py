"""Write what taggers give for all jets as friend files, one an input file. Short: copy it and make it yours.

coffea-fm run friends FILESET.json --option bundle=exports/jet-classifier-small --output tagged
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import awkward as ak
from coffea.processor import ProcessorABC

import coffea_fm


class Friends(ProcessorABC):  # type: ignore[misc]
    """Count events and jets; what the taggers give is written by ``coffea-fm run``, beside the other outputs.

    Parameters
    ----------
    bundle : str or sequence of str
        Path or URL of the tagger, or of several.
    collection : str
        The jets to tag: all of them, so that the friends fit the file.
    outputs : sequence of str
        What to keep of each tagger; ``--friends`` is instead of it.
    ship : {"path", "bytes"}
        ``"bytes"`` if the workers do not see the bundle's file.
    """

    def __init__(
        self,
        bundle: str | Sequence[str],
        collection: str = "FatJet",
        outputs: Sequence[str] = ("scores", "embedding"),
        ship: Literal["path", "bytes"] = "path",
    ) -> None:
        bundles = [bundle] if isinstance(bundle, str) else bundle
        self.taggers = {collection: [coffea_fm.load(one, ship=ship) for one in bundles]}
        self.friend_outputs, self.collection = outputs, collection

    def process(self, events: Any) -> dict[str, Any]:
        """Count the events and jets of one chunk."""
        counts = {"events": len(events), "jets": int(ak.sum(ak.num(events[self.collection])))}
        return {"cutflow": {events.metadata["dataset"]: counts}}

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""
