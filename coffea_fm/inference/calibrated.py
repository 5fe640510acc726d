"""Calibrated scores and working points on awkward arrays."""

from __future__ import annotations

from collections.abc import Sequence

import awkward as ak
import numpy as np

from coffea_fm.bundle import Calibration, WorkingPoint
from coffea_fm.errors import BundleError, InputError
from coffea_fm.inference.arrays import is_dask
from coffea_fm.inference.discriminants import discriminant
from coffea_fm.names import nearest
from coffea_fm.tokens.pack import column

_MARK = "coffea_fm calibrated"


def calibrate(scores: ak.Array, calibration: Calibration, name: str) -> ak.Array:
    """Apply the calibration of scores that was found best on held-out jets.

    Parameters
    ----------
    scores : awkward.Array
        Records of scores, as returned by a tagger.
    calibration : Calibration
    name : str
        Name of the model, for messages.

    Raises
    ------
    BundleError
        If no calibration of the scores was measured.
    InputError
        If these are not all scores of the model, or they are calibrated already.
    """
    scaling = calibration.scaling
    if scaling is None:
        raise BundleError(
            f"no calibration of the scores of {name!r} has been measured: run 'coffea-fm evaluate --record' on labelled jets"
        )
    if is_dask(scores):
        import dask_awkward

        return dask_awkward.map_partitions(calibrate, scores, calibration, name, label=f"calibrate-{name}")
    if scores.attrs.get(_MARK):
        raise InputError(f"these scores of {name!r} are already calibrated: pass the scores that tagger(jets) returned")
    if set(scores.fields) != set(scaling.classes):
        raise InputError(
            f"the calibration of {name!r} is for the scores {', '.join(scaling.classes)}, found {', '.join(scores.fields)}"
        )
    powers = {
        each: np.exp(bias) * np.maximum(ak.values_astype(scores[each], np.float64), 1e-30) ** weight
        for each, weight, bias in zip(scaling.classes, *scaling.parameters(), strict=True)
    }
    total = sum(powers.values())
    calibrated = scores
    for each, power in powers.items():
        calibrated = ak.with_field(calibrated, ak.values_astype(power / total, np.float32), each)
    return ak.Array(calibrated.layout, attrs={**scores.attrs, _MARK: True})


def passing(scores: ak.Array, jets: ak.Array, point: WorkingPoint, calibration: Calibration, name: str) -> ak.Array:
    """Whether jets pass a working point.

    Parameters
    ----------
    scores : awkward.Array
        As returned by the tagger for these jets.
    jets : awkward.Array
        Their field of the bins is read, if the working point has bins.
    point : WorkingPoint
    calibration : Calibration
        Applied to the scores if the working point cuts on calibrated scores.
    name : str
        Name of the model, for messages.

    Raises
    ------
    InputError
        If the jets do not have the field of the bins.
    """
    if point.calibrated:
        scores = calibrate(scores, calibration, name)
    values = discriminant(scores, point.signal, point.background)
    return values >= (point.cut if point.bins is None else _by_bin(jets, point, point.bins.cuts, name))


def efficiency(jets: ak.Array, point: WorkingPoint, of: str, name: str) -> ak.Array:
    """The efficiency of a working point for a true class, for each jet; see `coffea_fm.Tagger.efficiency`."""
    if of not in point.efficiencies:
        raise BundleError(
            f"the working point {point.name} of {name!r} has no efficiency for the class {of!r}: "
            f"{nearest(of, point.efficiencies)}"
        )
    return _by_bin(jets, point, point.efficiencies[of].efficiency, name)


def _by_bin(jets: ak.Array, point: WorkingPoint, values: Sequence[float], name: str) -> ak.Array:
    """One of the values for each jet, by the bin of the working point that the jet is in."""
    field = column(jets.fields, point.bins.field if point.bins else "pt")
    if field[0] not in jets.fields:
        raise InputError(
            f"the working point {point.name} of {name!r} depends on {field[-1]}, which these jets do not have"
        )
    where = jets[field]
    found = ak.zeros_like(where, dtype=np.float64) + values[0]
    for edge, above in zip(point.bins.edges[1:-1] if point.bins else (), values[1:], strict=True):
        found = ak.where(~(where < edge), above, found)  # NaN is in the last bin, as where it was measured
    return found
