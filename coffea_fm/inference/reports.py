"""Reports attached to tagger outputs: which bundle made them, and how many jets were tagged or not."""

from __future__ import annotations

import operator
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import reduce
from html import escape
from typing import Any

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
        Number of ``jets`` (or ``events``) tagged; the number that score NaN, by reason (``without_constituents``,
        ``not_finite``, ...); and ``out_of_range``, the number outside the range the model was trained on.
    details : dict of str to object
        Anything else to know about the tagger, such as the cut of a cascade and the signal that it loses.
    """

    bundle: str
    checksum: str
    counts: dict[str, int]
    details: dict[str, Any] = field(default_factory=dict)

    def __add__(self, other: Report) -> Report:
        """Sum the counts, so that reports of one bundle add up in an accumulator.

        Raises
        ------
        InputError
            If the other report is of another bundle.
        """
        if not isinstance(other, Report):
            return NotImplemented
        if other.checksum != self.checksum:
            raise InputError(
                f"reports of two bundles, {self.bundle} ({self.checksum[:12]}) and {other.bundle} "
                f"({other.checksum[:12]}), cannot be added: keep them under separate keys"
            )
        counts = Counter(self.counts)
        counts.update(other.counts)
        return Report(self.bundle, self.checksum, dict(counts), self.details)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}={count}" for name, count in {**self.counts, **self.details}.items())
        return f"Report({self.bundle!r}, checksum={self.checksum[:12]!r}, {counts})"

    def _repr_html_(self) -> str:
        shown = {**self.counts, **self.details}
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{count}</td></tr>" for name, count in shown.items())
        return f"<p><b>{escape(self.bundle)}</b> (checksum <code>{self.checksum[:12]}</code>)</p><table>{rows}</table>"


def attach(array: ak.Array, report: Report) -> ak.Array:
    """Return the array with the report in its ``attrs``.

    Each report has its own key: awkward keeps one value per key, and concatenated arrays must keep both reports.
    """
    return ak.Array(array.layout, attrs={f"{_PREFIX}{uuid.uuid4().hex}": asdict(report)})


def report(scores: ak.Array) -> Report:
    """Read origin and counts from scores, or from an array computed from them.

    Parameters
    ----------
    scores : awkward.Array
        Output of a `Tagger`, possibly after selections. The counts are those at the time of tagging, before any
        selection, summed over all calls whose scores went into this array, such as those of concatenated chunks.

    Raises
    ------
    InputError
        If the array does not come from a tagger, comes from several bundles, or is not computed yet.
    """
    if is_dask(scores):
        raise InputError("these scores have not been computed yet: pass the result of .compute()")
    taggings = [Report(**value) for key, value in scores.attrs.items() if key.startswith(_PREFIX)]
    if not taggings:
        raise InputError("this array was not made by a tagger: pass the scores that tagger(jets) returned")
    bundles = {tagging.checksum: tagging.bundle for tagging in taggings}
    if len(bundles) > 1:
        raise InputError(
            f"several bundles made this array, {', '.join(sorted(bundles.values()))}: pass the scores of one bundle"
        )
    return reduce(operator.add, taggings)
