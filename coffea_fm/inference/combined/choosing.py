"""Choose the cut of a cascade on labelled jets."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace

import awkward as ak
import numpy as np

from coffea_fm.arrays import BoolArray
from coffea_fm.bundle import WorkingPoint
from coffea_fm.errors import InputError
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.combined.cascade import Cascade
from coffea_fm.inference.combined.choice import Choice
from coffea_fm.inference.combined.labelled import Labelled, of_jets, of_shards
from coffea_fm.inference.discriminants import find_working_point
from coffea_fm.names import nearest

LOOSEST = "loosest"


def cascade(
    small: BaseTagger,
    large: BaseTagger,
    signal: str | Sequence[str],
    *,
    keep: float = 0.999,
    working_point: str | None = LOOSEST,
    background: str | Sequence[str] = "QCD",
    data: str | os.PathLike[str] | ak.Array,
    is_signal: str | ak.Array | None = None,
) -> Cascade:
    """Combine a small and a large network into a tagger that is nearly as fast as the small one.

    The large network runs only for jets that the small one leaves above a cut on ``signal / (signal + background)``,
    which keeps a fraction `keep` of the signal that the large network accepts at a working point: signal that it would
    reject anyway is no loss. The cut is chosen on one half of labelled jets, and what it loses is measured on the other
    half, of the accepted signal and of all signal; both are in ``tagger.choice`` and in every report.

    Parameters
    ----------
    small, large : tagger
        With the same scores in the same order.
    signal, background : str or sequence of str
        Classes that the cascade is for.
    keep : float
        Fraction of the accepted signal to keep, less than 1.
    working_point : str or None
        The working point of `large` that `keep` refers to. By default the loosest one for this signal and background,
        so that the cascade is good for all of them; a tighter one makes it faster. With None, or if `large` has no such
        working point, it refers to all signal.
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
        If the taggers do not fit together, a class is unknown, the working point is for others, or there are too few
        signal jets to choose the cut.

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
    trial = Cascade(small, large, Choice(above, below, keep, None, source))  # whether they fit together
    point = _working_point(trial, working_point)
    labelled = of_jets(trial, point, data, is_signal) if isinstance(data, ak.Array) else of_shards(trial, point, data)
    asked = replace(trial.choice, working_point=None if point is None else point.name)
    return Cascade(small, large, choose(asked, labelled))


def choose(asked: Choice, jets: Labelled) -> Choice:
    """Choose the cut on every other accepted signal jet, and measure what it loses on the others.

    Parameters
    ----------
    asked : Choice
        Without the cut.
    jets : Labelled
        Those without a score are left out.

    Raises
    ------
    InputError
        If fewer than one signal jet is expected below the cut.
    """
    scored = np.isfinite(jets.values)
    signal = np.flatnonzero(jets.signal & scored)
    chosen_on = np.sort(jets.values[signal[::2]][jets.accepted[signal[::2]]])
    measured_on, accepted = jets.values[signal[1::2]], jets.accepted[signal[1::2]]
    below = math.floor(len(chosen_on) * (1.0 - asked.keep) + 1e-9)
    if below < 1:
        kind = "signal jets" if asked.working_point is None else f"signal jets that pass {asked.working_point}"
        raise InputError(
            f"there are {len(chosen_on) + int(accepted.sum())} {kind}, too few to choose a cut that keeps "
            f"{asked.keep:g} of them: give at least {math.ceil(2 / (1 - asked.keep) - 1e-9)}, preferably ten times as many"
        )
    cut = float(chosen_on[below])
    accepted_loss, accepted_loss_error = _fraction(measured_on[accepted] < cut)
    signal_loss, signal_loss_error = _fraction(measured_on < cut)
    passed = jets.values[jets.background & scored] >= cut
    return replace(
        asked,
        cut=cut,
        accepted_loss=accepted_loss,
        accepted_loss_error=accepted_loss_error,
        n_accepted=int(accepted.sum()),
        signal_loss=signal_loss,
        signal_loss_error=signal_loss_error,
        n_signal=len(measured_on),
        background_kept=float(passed.mean()) if len(passed) else None,
    )


def _fraction(lost: BoolArray) -> tuple[float, float]:
    """Fraction of true values, and its error: that of a binomial with one more of each kind, which is never 0."""
    n, k = len(lost), int(lost.sum())
    return k / max(n, 1), math.sqrt((k + 1) * (n - k + 1) / (n + 3)) / (n + 2)


def _names(classes: str | Sequence[str]) -> tuple[str, ...]:
    return (classes,) if isinstance(classes, str) else tuple(classes)


def _working_point(trial: Cascade, asked: str | None) -> WorkingPoint | None:
    """The working point of the large network that the accepted signal passes."""
    if asked is None:
        return None
    wanted = [set(names) for names in (trial.choice.signal, trial.choice.background)]
    if asked == LOOSEST:
        fitting = [p for p in trial.calibration.working_points if [set(p.signal), set(p.background)] == wanted]
        return max(fitting, key=lambda point: point.signal_efficiency, default=None)
    point = find_working_point(trial.calibration, asked, trial.large.name)
    trial._refuse_another(point.signal, point.background)
    return point
