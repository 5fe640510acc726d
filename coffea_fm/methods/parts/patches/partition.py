"""How a jet is divided into patches: into its particles, into subjets, or into neighbourhoods of particles."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numba import njit
from pydantic import Field, PositiveInt

from coffea_fm.arrays import FloatArray, IntArray
from coffea_fm.config import Config
from coffea_fm.methods.parts.patches.relative_eta_phi import relative_positions
from coffea_fm.methods.parts.views.clustering import token_momenta
from coffea_fm.methods.parts.views.exclusive_kt import exclusive_subjets
from coffea_fm.nn.inputs import only_member
from coffea_fm.tokens import Level, Packed


class Partition(Config):
    """Base class of partitions. No two patches share a particle, so a hidden patch cannot be seen in a visible one."""

    def __call__(self, packed: Packed, level: Level) -> IntArray:
        """Divide each jet.

        Returns
        -------
        int64 array of shape [n_tokens]
            The patch of each particle: the index of one of the particles in it.
        """
        raise NotImplementedError


class ParticlePatches(Partition):
    """Each particle is a patch, as in P-JEPA and JP-JEPA (arXiv:2606.14813)."""

    kind: Literal["particles"] = "particles"

    def __call__(self, packed: Packed, level: Level) -> IntArray:  # noqa: D102
        return np.arange(len(packed.members[only_member(level).name].things))


class SubjetPatches(Partition):
    """Subjets, as in J-JEPA (arXiv:2412.05333), but exclusive ones, so that their number is known.

    Parameters
    ----------
    algorithm : {"cambridge-aachen", "kt"}
    subjets : int
        Number of subjets of a jet; a jet with fewer particles has as many as particles.
    """

    kind: Literal["subjets"] = "subjets"
    algorithm: Literal["cambridge-aachen", "kt"] = "cambridge-aachen"
    subjets: PositiveInt = 10

    def __call__(self, packed: Packed, level: Level) -> IntArray:  # noqa: D102
        group = only_member(level)
        tokens = packed.members[group.name]
        power = 1.0 if self.algorithm == "kt" else 0.0
        counts = np.array([self.subjets], dtype=np.int64)
        labels: IntArray = exclusive_subjets(token_momenta(tokens, group), tokens.offsets, counts, power)[0]
        return labels


class NeighbourPatches(Partition):
    """Neighbourhoods of particles that are far from each other, similar to those of HEP-JEPA (arXiv:2502.03933).

    The first centre is the hardest particle, each further one the particle that is farthest from all centres so far,
    and every particle belongs to the nearest centre. In the paper each centre takes its k nearest neighbours, so
    that patches overlap and a target may contain particles that are visible; here they do not.

    Parameters
    ----------
    size : int
        Mean number of particles in a patch.
    """

    kind: Literal["neighbours"] = "neighbours"
    size: PositiveInt = 4

    def __call__(self, packed: Packed, level: Level) -> IntArray:  # noqa: D102
        group = only_member(level)
        tokens = packed.members[group.name]
        pt = tokens.things.values[:, group.names.index("pt")]
        labels: IntArray = _nearest_centres(relative_positions(packed, level), pt, tokens.offsets, self.size)
        return labels


Patches = Annotated[ParticlePatches | SubjetPatches | NeighbourPatches, Field(discriminator="kind")]


@njit(cache=True)
def _nearest_centres(positions: FloatArray, pt: FloatArray, offsets: IntArray, size: int) -> IntArray:
    """Nearest of ``ceil(n / size)`` centres, chosen by farthest-point sampling, of each particle; int64 [n_tokens]."""
    labels = np.empty(len(pt), dtype=np.int64)
    distance = np.full(len(pt), np.inf)
    for jet in range(len(offsets) - 1):
        start, stop = offsets[jet], offsets[jet + 1]
        if start == stop:
            continue
        centre = start + np.argmax(pt[start:stop])
        for _ in range((stop - start + size - 1) // size):
            for i in range(start, stop):
                away = (positions[i, 0] - positions[centre, 0]) ** 2 + (positions[i, 1] - positions[centre, 1]) ** 2
                if away < distance[i]:
                    distance[i], labels[i] = away, centre
            centre = start + np.argmax(distance[start:stop])
    return labels
