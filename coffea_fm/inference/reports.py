"""What tagging leaves on its output besides the scores: which bundle, and what was counted."""

from __future__ import annotations

import operator
import uuid
from collections import Counter
from dataclasses import asdict, dataclass
from functools import reduce
from html import escape

import awkward as ak

from coffea_fm.errors import InputError
from coffea_fm.inference.arrays import is_dask

_PREFIX = "coffea_fm tagging "


@dataclass(frozen=True)
class Report:
    """Origin and counts of an array of scores.

    Parameters
    ----------
    bundle, checksum : str
        Name and content hash of the bundle.
    counts : dict of str to int
        ``jets`` (or ``events``) tagged; among them those that score NaN, by reason (``without_constituents``,
        ``not_finite``, ...), and ``out_of_range``, which lie outside of what the model was trained on.
    """

    bundle: str
    checksum: str
    counts: dict[str, int]

    def __add__(self, other: Report) -> Report:
        """Counts of both: reports of one bundle add up in an accumulator.

        Raises
        ------
        InputError
            If the other is of another bundle.
        """
        if not isinstance(other, Report):
            return NotImplemented
        if other.checksum != self.checksum:
            raise InputError(
                f"reports of two bundles, {self.bundle} ({self.checksum[:12]}) and {other.bundle} "
                f"({other.checksum[:12]}), do not add up: keep them under two keys"
            )
        counts = Counter(self.counts)
        counts.update(other.counts)
        return Report(self.bundle, self.checksum, dict(counts))

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}={count}" for name, count in self.counts.items())
        return f"Report({self.bundle!r}, checksum={self.checksum[:12]!r}, {counts})"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{count}</td></tr>" for name, count in self.counts.items())
        return f"<p><b>{escape(self.bundle)}</b> (checksum <code>{self.checksum[:12]}</code>)</p><table>{rows}</table>"


def attach(array: ak.Array, report: Report) -> ak.Array:
    """The array with the report in its ``attrs``.

    Under a key of its own: awkward keeps one value a key, and arrays that are joined must keep both reports.
    """
    return ak.Array(array.layout, attrs={f"{_PREFIX}{uuid.uuid4().hex}": asdict(report)})


def report(scores: ak.Array) -> Report:
    """Read origin and counts from scores, or from anything computed from them.

    Parameters
    ----------
    scores : awkward.Array
        Output of a `Tagger`, also after selections. The counts are those of the tagging, before them, summed over all
        calls of the tagger whose scores went into this array, such as those of concatenated chunks.

    Raises
    ------
    InputError
        If the array does not come from a tagger, or from several bundles, or is not computed yet.
    """
    if is_dask(scores):
        raise InputError("these scores are not computed yet, and so are not counted: give what .compute() returned")
    taggings = [Report(**value) for key, value in scores.attrs.items() if key.startswith(_PREFIX)]
    if not taggings:
        raise InputError("this array was not made by a tagger: give the scores that tagger(jets) returned")
    bundles = {tagging.checksum: tagging.bundle for tagging in taggings}
    if len(bundles) > 1:
        raise InputError(
            f"this array was made by several bundles, {', '.join(sorted(bundles.values()))}: give the scores of one"
        )
    return reduce(operator.add, taggings)
