"""Labelled jets that the cut of a cascade is chosen on."""

from __future__ import annotations

import os
from dataclasses import dataclass

import awkward as ak
import numpy as np

from coffea_fm.arrays import BoolArray, DoubleArray
from coffea_fm.bundle import WorkingPoint
from coffea_fm.errors import InputError
from coffea_fm.inference.calibrated import passing
from coffea_fm.inference.combined.cascade import SCORES, Cascade
from coffea_fm.inference.combined.choice import discriminant_of
from coffea_fm.inference.tagger import Tagger
from coffea_fm.tokens import flatten
from coffea_fm.tokens.levels import without_ranges


@dataclass(frozen=True)
class Labelled:
    """Labelled jets: discriminants of the small network, and masks, each [n].

    Parameters
    ----------
    values : float64 array
        NaN without a score.
    signal, background : bool array
    accepted : bool array
        Signal that passes the working point of the large network.
    """

    values: DoubleArray
    signal: BoolArray
    background: BoolArray
    accepted: BoolArray


def of_jets(trial: Cascade, point: WorkingPoint | None, jets: ak.Array, is_signal: str | ak.Array | None) -> Labelled:
    """Score labelled jets with the small network of a cascade, and the signal with the large one, too."""
    if is_signal is None:
        raise InputError("say which jets are signal: is_signal=jets.truth == 1, or the name of a field")
    held = ak.with_field(jets, jets[is_signal] if isinstance(is_signal, str) else is_signal, "is_signal")
    labels, absent = flatten(held)[0].field("is_signal").values()
    if absent.any() or labels.dtype != np.bool_:
        raise InputError("is_signal must be booleans, one for each jet")
    accepted = labels.copy()
    if point is not None:
        passed = trial.large.passes(held[held["is_signal"]], point.name)
        accepted[labels] = ak.to_numpy(ak.flatten(passed, axis=None))
    scores, _ = flatten(trial.small(jets, SCORES))
    rows = np.stack([scores.field(name).values()[0] for name in trial.small.classes], axis=1)
    return Labelled(discriminant_of(rows, trial.small.classes, trial.choice), labels, ~labels, accepted)


def of_shards(trial: Cascade, point: WorkingPoint | None, folder: str | os.PathLike[str]) -> Labelled:
    """The same for the jets of a folder of shards."""
    from coffea_fm.shards import ShardDataset

    small, large, choice = trial.small, trial.large, trial.choice
    if not isinstance(small, Tagger) or (point is not None and not isinstance(large, Tagger)):
        raise InputError("only bundles can read shards: give labelled jets, data=jets, is_signal=...")
    level = small.chain.reads((SCORES,))
    dataset = ShardDataset(folder, without_ranges(level))
    kinds = [np.array([name in names for name in dataset.classes]) for names in (choice.signal, choice.background)]
    if not kinds[0].any():
        raise InputError(
            f"the shards in {folder} have no class {choice.signal[0]!r}, only {', '.join(dataset.classes)}"
        )
    parts = []
    for packed, columns in dataset:
        scores = small.chain.run(packed, level, (SCORES,))[SCORES]
        signal, background = (kind[columns["target"]] for kind in kinds)
        parts.append((discriminant_of(scores, small.classes, choice), signal, background))
    values, signal, background = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    accepted = signal.copy()
    if point is not None and isinstance(large, Tagger) and signal.any():
        accepted[signal] = _accepted(large, point, folder, kinds[0])
    return Labelled(values, signal, background, accepted)


def _accepted(large: Tagger, point: WorkingPoint, folder: str | os.PathLike[str], is_signal: BoolArray) -> BoolArray:
    """Which signal jets pass the working point, in the order of the shards."""
    from coffea_fm.shards import ShardDataset

    level = large.chain.reads((SCORES,))
    targets = ShardDataset(folder).scalars("target")["target"]
    passed = []
    for packed, columns in ShardDataset(folder, without_ranges(level), is_signal[targets]):
        scores = large.chain.run(packed, level, (SCORES,))[SCORES]
        records = ak.zip(dict(zip(large.classes, scores.T, strict=True)))
        found = passing(records, ak.zip(columns), point, large.calibration, large.name)
        passed.append(ak.to_numpy(found))
    return np.concatenate(passed)
