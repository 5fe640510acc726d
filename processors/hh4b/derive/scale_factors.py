"""Scale factors of taggers, from jets with truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from correctionlib import schemav2

from coffea_fm.arrays import DoubleArray
from coffea_fm.errors import InputError
from coffea_fm.inference.corrections.file import name_of

from ..taggers import JetTagger
from .binned import SYSTEMATICS, by_pt, correction, pairs_of_bins
from .labelled_jets import LabelledJets


def scale_factors(
    tagger: JetTagger, collection: str, cuts: Sequence[float], nominal: LabelledJets, shifted: LabelledJets
) -> schemav2.Correction:
    """Ratio of the fractions of true jets between the cuts on a discriminant, shifted over nominal sample.

    Up shifts every tagged bin by its statistical error, and the untagged bin such that the number of jets is conserved.
    """
    edges = [0.0, *cuts, 1.0]
    values: dict[str, list[float]] = {name: [] for name in SYSTEMATICS}
    for ours, theirs in pairs_of_bins(collection, nominal, shifted):
        (fraction, error), (other, other_error) = (_fractions(jets, edges, tagger.name) for jets in (ours, theirs))
        ratio = other / fraction
        shift = ratio * np.hypot(error / fraction, other_error / other)
        shift[0] = -(fraction[1:] @ shift[1:]) / fraction[0]
        for name, sign in SYSTEMATICS.items():
            values[name] += np.maximum(ratio + sign * shift, 0).tolist()
    bundle = f"{tagger.tagger.manifest.name} ({tagger.tagger.checksum})"
    text = f"{tagger.name} of the bundle {bundle}, by pT and discriminant, for true jets"
    data = by_pt(collection, values, discriminant=edges)
    return correction(name_of("scale_factor", tagger.tagger.checksum), text, ["systematic", "pt", "discriminant"], data)


def _fractions(jets: LabelledJets, edges: Sequence[float], name: str) -> tuple[DoubleArray, DoubleArray]:
    """Fraction of the true jets in each bin of the discriminant, and its binomial error."""
    counts, _ = np.histogram(jets.discriminant[jets.is_signal], edges)
    total = counts.sum()
    if not counts.all():
        raise InputError(
            f"no true jet has a {name} between two of the cuts {', '.join(map(str, edges))}: simulate more events"
        )
    fraction = counts / total
    return fraction, np.sqrt(fraction * (1 - fraction) / total)
