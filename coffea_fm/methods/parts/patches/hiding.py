"""Choose the patches to hide, at random or as one block."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from coffea_fm.arrays import DoubleArray, FloatArray, Floats, IntArray
from coffea_fm.config import Config
from coffea_fm.methods.parts.masked_jets import hidden_count
from coffea_fm.methods.parts.patches.partition import ParticlePatches, Patches
from coffea_fm.methods.parts.patches.relative_eta_phi import relative_positions
from coffea_fm.nn.inputs import only_member
from coffea_fm.tokens import Level, Packed
from coffea_fm.tokens.jagged import offsets_of

NOT_HIDDEN = -1
_SOFTEST = 1e-6


class HiddenPatches(Config):
    """What to hide of a jet.

    Parameters
    ----------
    patches : ParticlePatches or SubjetPatches or NeighbourPatches
        How the jet is divided.
    fraction : float
        Of n patches, ``floor(fraction n)`` are hidden, but at least one and never all.
    choice : {"random", "block"}
        ``block`` hides a random patch and those nearest to it.
    """

    patches: Patches = ParticlePatches()
    fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    choice: Literal["random", "block"] = "random"

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:
        """Choose the hidden patches of each jet.

        Returns
        -------
        Packed
            The jets, with three more numbers known of each particle: its ``position`` relative to the axis of the jet;
            the ``centre`` of its patch, weighted with pT; and ``hidden_patch``, the place of its patch among the hidden
            ones of the jet, hardest first, or -1 if it is visible.
        """
        group = only_member(level)
        tokens = packed.members[group.name]
        label = self.patches(packed, level)
        positions = relative_positions(packed, level)
        pt = tokens.things.values[:, group.names.index("pt")].clip(min=_SOFTEST).astype(np.float64)
        total: DoubleArray = np.bincount(label, pt, len(label)).astype(np.float64)
        sums = [np.bincount(label, pt * positions[:, axis], len(label)) for axis in (0, 1)]
        centre = np.stack(sums, axis=1) / np.maximum(total, _SOFTEST)[:, np.newaxis]
        patch = np.flatnonzero(total)
        jet = tokens.parents[patch]
        counts = np.bincount(jet, minlength=len(packed))
        key = random.random(len(patch))
        if self.choice == "block":
            key = _distance_to_first(centre[patch], jet, counts, key)
        hidden = patch[_rank(key, jet, counts) < hidden_count(counts, self.fraction)[jet]]
        of_jet = tokens.parents[hidden]
        number = np.full(len(label), NOT_HIDDEN)
        number[hidden] = _rank(-total[hidden], of_jet, np.bincount(of_jet, minlength=len(packed)))
        known: dict[str, FloatArray] = {
            "position": positions,
            "centre": centre[label].astype(np.float32),
            "hidden_patch": number[label, np.newaxis].astype(np.float32),
        }
        return packed.with_known((group.name,), known)


def _rank(key: Floats, jet: IntArray, counts: IntArray) -> IntArray:
    """Place of each patch in its jet by rising key, from 0; the patches are in the order of the jets."""
    order = np.lexsort((key, jet))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - offsets_of(counts)[:-1][jet[order]]
    return rank


def _distance_to_first(centre: DoubleArray, jet: IntArray, counts: IntArray, key: DoubleArray) -> DoubleArray:
    """Squared distance of each patch to the patch of its jet that has the smallest key."""
    first = np.zeros((len(counts), 2))
    chosen = _rank(key, jet, counts) == 0
    first[jet[chosen]] = centre[chosen]
    distance: DoubleArray = np.square(centre - first[jet]).sum(axis=1)
    return distance
