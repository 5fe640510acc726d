"""Which branches of a file a tagger will read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import awkward as ak

from coffea_fm.inference.arrays import is_dask
from coffea_fm.tokens import Level, columns
from coffea_fm.tokens.pack import require


def collection(jets: ak.Array) -> str:
    """Name of the collection that the jets belong to, e.g. ``"FatJet"``; ``"jets"`` if it is unknown."""
    layout = jets.layout
    return layout.purelist_parameter("collection_name") or layout.purelist_parameter("__record__") or "jets"


def branches(tag: Callable[[ak.Array], ak.Array], jets: ak.Array, levels: Sequence[Level]) -> frozenset[str]:
    """Branches of the jets that `tag` reads, or paths of the fields if the jets do not come from a file.

    Parameters
    ----------
    tag : callable
        Tags jets, or their events.
    jets : awkward.Array
    levels : sequence of Level
        What is read from the jets.
    """
    if is_dask(jets):
        import dask_awkward

        return frozenset().union(*dask_awkward.report_necessary_columns(tag(jets)).values())
    for level in levels:
        require(jets, level)
    name = collection(jets)
    form = jets.attrs.get("@form")
    if form is None or name not in form["fields"]:
        return frozenset(".".join(path) for level in levels for path in columns(jets, level))
    from coffea.nanoevents.trace import trace_with_typetracer

    return frozenset(trace_with_typetracer(lambda events: tag(events[name]), jets, throw=True))
