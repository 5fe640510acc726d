"""What every change of jets is, and what changes share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import FloatArray, IntArray
from coffea_fm.config import Config
from coffea_fm.kinematics import wrap
from coffea_fm.tokens import Level, Members, Packed

Floats = npt.NDArray[np.floating]
Coordinates = tuple[Floats, Floats]
Move = Callable[[Floats, Floats, FloatArray, IntArray], Coordinates]
"""From eta and phi relative to the jet's axis, pt, and the index of the jet, of each token, to new eta and phi."""


class BaseChange(Config):
    """A random change of jets. Its fields are what the recipe says of it.

    The jets may have several groups of tokens. Changes of the frame (rotation, reflection, translation) move all of
    them; the others change the first group only.
    """

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:
        """Change each jet by itself.

        Parameters
        ----------
        packed : Packed
            Jets, their tokens and they with ``pt``, ``eta`` and ``phi``. They are not modified.
        level : Level
            Describes `packed`.
        random : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        Packed
            As many jets, in the same order.
        """
        raise NotImplementedError


def change_tokens(packed: Packed, groups: Sequence[Level], change: Callable[[Members, Level], Members]) -> Packed:
    """The same jets with changed tokens in these groups."""
    changed = {group.name: change(packed.members[group.name], group) for group in groups}
    return replace(packed, members={**packed.members, **changed})


def move_tokens(packed: Packed, level: Level, groups: Sequence[Level], move: Move) -> Packed:
    """The same jets with the tokens of these groups elsewhere in the plane around the jet's axis."""
    axis_eta, axis_phi = (packed.values[:, level.names.index(name)] for name in ("eta", "phi"))

    def moved(tokens: Members, group: Level) -> Members:
        jet, values = tokens.parents, tokens.things.values.copy()
        eta, phi, pt = (group.names.index(name) for name in ("eta", "phi", "pt"))
        relative = values[:, eta] - axis_eta[jet], wrap(values[:, phi] - axis_phi[jet])
        new_eta, new_phi = move(*relative, values[:, pt], jet)
        values[:, eta] = axis_eta[jet] + new_eta
        values[:, phi] = wrap(axis_phi[jet] + new_phi)
        return with_values(tokens, values)

    return change_tokens(packed, groups, moved)


def with_values(tokens: Members, values: FloatArray) -> Members:
    """The same tokens with other values."""
    return replace(tokens, things=replace(tokens.things, values=values))


def sort_tokens(tokens: Members, group: Level) -> Members:
    """The same tokens in the order that the group asks for."""
    if group.order == "stored":
        return tokens
    falling = -tokens.things.values[:, group.names.index(group.order)]
    return replace(tokens, things=tokens.things.take(np.lexsort((falling, tokens.parents))))
