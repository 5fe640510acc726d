"""Coarse views: constituents clustered to subjets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from coffea_fm.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from coffea_fm.errors import RecipeError
from coffea_fm.kinematics import four_momenta
from coffea_fm.methods.parts.views.base import BaseChange, sort_tokens
from coffea_fm.methods.parts.views.exclusive_kt import exclusive_subjets
from coffea_fm.nn.inputs import only_member
from coffea_fm.tokens import Level, Members, Packed

ELECTRON, MUON = 11.0, 13.0


class Clustering(BaseChange):
    """Replace the constituents of each jet by exclusive-kT subjets, as in RINO (arXiv:2509.07486); see `coarse`.

    Parameters
    ----------
    subjets : int
        Number of subjets.
    """

    kind: Literal["clustering"] = "clustering"
    subjets: PositiveInt = 8

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:  # noqa: ARG002, D102
        return coarse(packed, level, (self.subjets,))[0]


def coarse(packed: Packed, level: Level, counts: Sequence[int]) -> list[Packed]:
    """Make views at several resolutions from a single clustering of each jet.

    The four-momentum and charge of a subjet are the sums over its constituents. Its d0 and dz are the means over the
    constituents that have them, with the errors of the means, and are missing if no constituent has them. Its type is
    muon or electron if it contains one (muons first), else the type common to all its constituents, else 0: a single
    canonical field cannot hold the logical or of types that RINO uses. A jet with no more constituents than subjets is
    unchanged.

    Parameters
    ----------
    packed : Packed
        Jets, with ``pt``, ``eta``, ``phi`` and ``mass`` of the tokens.
    level : Level
        Describes `packed`.
    counts : sequence of int
        Number of subjets in each view.
    """
    group = only_member(level)
    tokens = packed.members[group.name]
    momenta = token_momenta(tokens, group)
    falling = np.unique(np.asarray(counts, dtype=np.int64))[::-1].copy()
    labels = exclusive_subjets(momenta, tokens.offsets, falling)
    views = {
        int(count): replace(packed, members={group.name: _merged(tokens, group, momenta, label)})
        for count, label in zip(falling, labels, strict=True)
    }
    return [views[count] for count in counts]


def token_momenta(tokens: Members, group: Level) -> DoubleArray:
    """px, py, pz and E of tokens, float64 [n_tokens, 4].

    Raises
    ------
    RecipeError
        If the tokens have no mass.
    """
    if "mass" not in group.names:
        raise RecipeError(f"clustering needs the mass of the {group.name}: add mass to inputs.fields")
    return four_momenta(*(tokens.things.values[:, group.names.index(name)] for name in ("pt", "eta", "phi", "mass")))


def _merged(tokens: Members, group: Level, momenta: DoubleArray, label: IntArray) -> Members:
    """Merge all tokens with the same label."""
    if len(label) == 0:
        return tokens
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    several = np.diff(starts, append=len(order)) > 1
    values, missing = tokens.things.values[order], tokens.things.missing[order]
    px, py, pz, energy = np.add.reduceat(momenta[order], starts, axis=0).T
    pt = np.hypot(px, py)
    columns = {
        "pt": pt,
        "eta": np.arcsinh(pz / np.maximum(pt, 1e-30)),
        "phi": np.arctan2(py, px),
        "mass": np.sqrt(np.maximum(energy**2 - pz**2 - pt**2, 0.0)),
    }
    merged = values[starts]
    for column, name in enumerate(group.names):
        present = ~missing[:, group.missing_names.index(name)] if name in group.missing_names else None
        found = columns[name] if name in columns else _combined(name, values[:, column], present, starts)
        merged[several, column] = found[several]
    counts = np.bincount(tokens.parents[order[starts]], minlength=len(tokens.counts))
    absent = np.logical_and.reduceat(missing, starts, axis=0)
    return sort_tokens(Members(counts, Packed(merged, absent)), group)


def _combined(name: str, values: FloatArray, present: BoolArray | None, starts: IntArray) -> npt.NDArray[np.floating]:
    """Combined value of each subjet, float [n_subjets]."""
    if name == "charge":
        return np.add.reduceat(values, starts)
    if name == "pdgId":
        kind = np.abs(values)
        least, most = np.minimum.reduceat(kind, starts), np.maximum.reduceat(kind, starts)
        result = np.where(least == most, most, 0.0)
        for lepton in (ELECTRON, MUON):
            result[np.logical_or.reduceat(kind == lepton, starts)] = lepton
        return result
    weight = np.ones(len(values)) if present is None else present.astype(np.float64)
    number = np.maximum(np.add.reduceat(weight, starts), 1.0)
    if name.endswith("_error"):
        return np.sqrt(np.add.reduceat(weight * np.square(values, dtype=np.float64), starts)) / number
    return np.add.reduceat(weight * values, starts) / number
