"""What tagging leaves on its output besides the scores: which bundle, and what was counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import awkward as ak

from coffea_fm.errors import InputError

_KEY = "coffea_fm"


@dataclass(frozen=True)
class Report:
    """Origin and counts of an array of scores.

    Parameters
    ----------
    bundle, checksum : str
        Name and content hash of the bundle.
    counts : dict of str to int
        ``jets`` tagged; among them ``without_tokens`` and ``not_finite``, which score NaN, and ``out_of_range``, which
        lie outside of what the model was trained on. A plain dict: add it to a processor's output as it is.
    """

    bundle: str
    checksum: str
    counts: dict[str, int]


def attach(array: ak.Array, report: Report) -> ak.Array:
    """The array with the report in its ``attrs``."""
    return ak.Array(array.layout, attrs={_KEY: asdict(report)})


def report(scores: ak.Array) -> Report:
    """Read origin and counts from scores, or from anything computed from them.

    Parameters
    ----------
    scores : awkward.Array
        Output of a `Tagger`, also after selections; the counts are those of the tagging, before them.

    Raises
    ------
    InputError
        If the array does not come from a tagger.
    """
    if _KEY not in scores.attrs:
        raise InputError("this array was not made by a tagger: give the scores that tagger(jets) returned")
    return Report(**scores.attrs[_KEY])
