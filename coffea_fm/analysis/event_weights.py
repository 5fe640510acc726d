"""Event weights from scale factors of jets."""

from __future__ import annotations

import awkward as ak

from coffea_fm.errors import InputError


def event_weights(
    factors: ak.Array, tagged: ak.Array | None = None, efficiency: ak.Array | float | None = None
) -> ak.Array:
    """Weight of each event from the scale factors of its jets.

    Without an efficiency it is the product of the scale factors of the tagged jets. With the efficiency of the tag in
    simulation, jets that are not tagged have a weight as well, such that the number of events before the tag is
    conserved (method 1a of CMS): ``(1 - factor * efficiency) / (1 - efficiency)``, not below zero; it is 1 where the
    efficiency is 1, because all jets are tagged there.

    Parameters
    ----------
    factors : awkward.Array
        Lists of jets, with the fields ``nominal`` and variations, from `Tagger.scale_factors`.
    tagged : awkward.Array of bool, optional
        Whether each jet is tagged; by default all are.
    efficiency : awkward.Array or float, optional
        Efficiency of the tag in simulation for each jet, e.g. from `Tagger.efficiency`.

    Returns
    -------
    awkward.Array
        One record per event, with the fields of `factors`, float64.

    Raises
    ------
    InputError
        If an efficiency is given without the tagged jets.
    """
    if tagged is None:
        if efficiency is not None:
            raise InputError("the efficiency is for jets that are not tagged: pass which jets are tagged as well")
        return ak.zip({name: ak.prod(factors[name], axis=1) for name in factors.fields})
    weights = {}
    for name in factors.fields:
        factor = factors[name]
        untagged = 1.0 if efficiency is None else _untagged(factor, efficiency)
        weights[name] = ak.prod(ak.where(tagged, factor, untagged), axis=1)
    return ak.zip(weights)


def _untagged(factor: ak.Array, efficiency: ak.Array | float) -> ak.Array:
    efficiency = ak.zeros_like(factor) + efficiency
    all_are = efficiency >= 1
    left = ak.where(all_are, 1, 1 - factor * efficiency)
    left = ak.where(left > 0, left, 0)
    return left / ak.where(all_are, 1, 1 - efficiency)
