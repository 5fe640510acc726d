"""Write small-R jets with their true flavour as training examples. Copy and adapt it for your analysis.

coffea-fm collect hh4b.json --processor collect_flavour --output data/flavour/train
"""

from __future__ import annotations

from typing import Any

from coffea.processor import ProcessorABC

from coffea_fm import collector

CLASSES = ("b", "c", "light")
_CLASS_OF_FLAVOUR = {5: 0, 4: 1, 0: 2}


class CollectFlavour(ProcessorABC):  # type: ignore[misc]
    """Write the jets as one shard per chunk, with the class of their hadron flavour.

    Parameters
    ----------
    folder : str
        Output folder; a chunk that runs again replaces its shard.
    min_pt : float
        Minimal transverse momentum of the stored jet, GeV.
    max_eta : float
        Maximal absolute pseudorapidity.
    max_tokens : int
        Number of constituents to keep, by descending pT.
    """

    def __init__(self, folder: str, min_pt: float = 25.0, max_eta: float = 2.4, max_tokens: int = 64) -> None:
        self.collect = collector(folder, CLASSES, max_tokens=max_tokens)
        self.min_pt, self.max_eta = min_pt, max_eta

    def process(self, events: Any) -> dict[str, Any]:
        """Write the shard of one chunk."""
        jets = events.Jet
        jets = jets[(jets.pt > self.min_pt) & (abs(jets.eta) < self.max_eta)]
        target = sum((jets.hadronFlavour == flavour) * number for flavour, number in _CLASS_OF_FLAVOUR.items())
        counts = self.collect(jets, target, events=events, columns=("hadronFlavour",))
        return {"cutflow": {events.metadata["dataset"]: {"events": len(events), **counts}}}

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""
