"""Choose the cut of a cascade on labelled jets."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import awkward as ak
import numpy as np

from coffea_fm.arrays import BoolArray, DoubleArray
from coffea_fm.errors import InputError
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.combined.cascade import SCORES, Cascade, Choice, discriminant_of
from coffea_fm.inference.tagger import Tagger
from coffea_fm.names import nearest
from coffea_fm.tokens import flatten
from coffea_fm.tokens.levels import without_ranges

Labelled = tuple[DoubleArray, BoolArray, BoolArray]
"""The discriminant of jets, and masks of signal and background, each [n]."""


def cascade(
    small: BaseTagger,
    large: BaseTagger,
    signal: str | Sequence[str],
    *,
    keep: float = 0.999,
    background: str | Sequence[str] = "QCD",
    data: str | os.PathLike[str] | ak.Array,
    is_signal: str | ak.Array | None = None,
) -> Cascade:
    """Combine a small and a large network into a tagger that is nearly as fast as the small one.

    The large network runs only for jets that the small one leaves above a cut on ``signal / (signal + background)``,
    which keeps a fraction `keep` of the signal. The cut is chosen on one half of labelled jets, and the signal that it
    loses is measured on the other half; both are in ``tagger.choice`` and in every report.

    Parameters
    ----------
    small, large : tagger
        With the same scores in the same order.
    signal, background : str or sequence of str
        Classes that the cascade is for.
    keep : float
        Fraction of the signal to keep, less than 1.
    data : path-like or awkward.Array
        A folder of shards, or jets. Neither network should have been trained on them.
    is_signal : str or awkward.Array, optional
        For jets: whether each is signal, as booleans in their layout or the name of such a field; all others are
        background.

    Returns
    -------
    Cascade

    Raises
    ------
    InputError
        If the taggers do not fit together, a class is unknown, or there are too few signal jets to choose the cut.

    Examples
    --------
    >>> tagger = coffea_fm.cascade(small, large, "Hbb", keep=0.999, data="data/jets/validation")
    >>> scores = tagger(events.FatJet)
    """
    above, below = _names(signal), _names(background)
    for name in (*above, *below):
        if name not in small.classes:
            raise InputError(f"there is no score {name!r}: {nearest(name, small.classes)}")
    if not 0.0 < keep < 1.0:
        raise InputError(f"keep={keep:g}: give the fraction of the signal to keep, between 0 and 1, such as 0.999")
    source = "jets" if isinstance(data, ak.Array) else os.fspath(data)
    empty = Choice(above, below, keep, 0.0, 0.0, 0.0, 1.0, 0, source)
    trial = Cascade(small, large, empty)  # whether they fit together
    labelled = _of_jets(trial, data, is_signal) if isinstance(data, ak.Array) else _of_shards(trial, data)
    return Cascade(small, large, choose(empty, *labelled))


def choose(asked: Choice, values: DoubleArray, signal: BoolArray, background: BoolArray) -> Choice:
    """Choose the cut on every other signal jet, and measure what it loses on the others.

    Parameters
    ----------
    asked : Choice
        Without the cut.
    values : float64 array of shape [n]
        Discriminants; NaN for jets without a score, which are left out.
    signal, background : bool array of shape [n]

    Raises
    ------
    InputError
        If fewer than one signal jet is expected below the cut.
    """
    scored = np.isfinite(values)
    chosen_on, measured_on = (np.sort(values[signal & scored][half::2]) for half in (0, 1))
    below = math.floor(len(chosen_on) * (1.0 - asked.keep) + 1e-9)
    if below < 1:
        raise InputError(
            f"there are {len(chosen_on) + len(measured_on)} signal jets, too few to choose a cut that keeps "
            f"{asked.keep:g} of them: give at least {math.ceil(2 / (1 - asked.keep) - 1e-9)}, preferably ten times as many"
        )
    cut = float(chosen_on[below])
    n, lost = len(measured_on), int((measured_on < cut).sum())
    passed = values[background & scored] >= cut
    return Choice(
        asked.signal,
        asked.background,
        asked.keep,
        cut,
        lost / n,
        math.sqrt((lost + 1) * (n - lost + 1) / (n + 3)) / (n + 2),
        float(passed.mean()) if len(passed) else None,
        n,
        asked.data,
    )


def _names(classes: str | Sequence[str]) -> tuple[str, ...]:
    return (classes,) if isinstance(classes, str) else tuple(classes)


def _of_jets(trial: Cascade, jets: ak.Array, is_signal: str | ak.Array | None) -> Labelled:
    if is_signal is None:
        raise InputError("say which jets are signal: is_signal=jets.truth == 1, or the name of a field")
    held = ak.with_field(jets, jets[is_signal] if isinstance(is_signal, str) else is_signal, "is_signal")
    labels, absent = flatten(held)[0].field("is_signal").values()
    if absent.any() or labels.dtype != np.bool_:
        raise InputError("is_signal must be booleans, one for each jet")
    scores, _ = flatten(trial.small(jets, SCORES))
    rows = np.stack([scores.field(name).values()[0] for name in trial.small.classes], axis=1)
    return discriminant_of(rows, trial.small.classes, trial.choice), labels, ~labels


def _of_shards(trial: Cascade, folder: str | os.PathLike[str]) -> Labelled:
    from coffea_fm.shards import ShardDataset

    small, choice = trial.small, trial.choice
    if not isinstance(small, Tagger):
        raise InputError("only a bundle can read shards: give labelled jets, data=jets, is_signal=...")
    level = small.chain.reads((SCORES,))
    dataset = ShardDataset(folder, without_ranges(level))
    kinds = [np.array([name in names for name in dataset.classes]) for names in (choice.signal, choice.background)]
    if not kinds[0].any():
        raise InputError(
            f"the shards in {folder} have no class {choice.signal[0]!r}, only {', '.join(dataset.classes)}"
        )
    values, targets = [], []
    for packed, columns in dataset:
        scores = small.chain.run(packed, level, (SCORES,))[SCORES]
        values.append(discriminant_of(scores, small.classes, choice))
        targets.append(columns["target"])
    target = np.concatenate(targets)
    return np.concatenate(values), kinds[0][target], kinds[1][target]
