"""Base class of augmentations, and helpers that they share."""

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
"""Maps eta and phi relative to the jet axis, pt and jet index of each token to new relative eta and phi."""


class BaseChange(Config):
    """A random augmentation of jets. Its fields are its settings in the recipe.

    The jets may have several groups of tokens. Changes of the frame (rotation, reflection, translation) apply to all of
    them, other changes only to the first group.
    """

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:
        """Change each jet independently.

        Parameters
        ----------
        packed : Packed
            Jets. They and their tokens have ``pt``, ``eta`` and ``phi``. They are not modified.
        level : Level
            Describes `packed`.
        random : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        Packed
            The changed jets, in the same order.
        """
        raise NotImplementedError


def change_tokens(packed: Packed, groups: Sequence[Level], change: Callable[[Members, Level], Members]) -> Packed:
    """Change the tokens of these groups."""
    changed = {group.name: change(packed.members[group.name], group) for group in groups}
    return replace(packed, members={**packed.members, **changed})


def move_tokens(packed: Packed, level: Level, groups: Sequence[Level], move: Move) -> Packed:
    """Move the tokens of these groups in the (eta, phi) plane around the jet axis."""
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
    """Sort the tokens as the group requires."""
    if group.order == "stored":
        return tokens
    falling = -tokens.things.values[:, group.names.index(group.order)]
    return replace(tokens, things=tokens.things.take(np.lexsort((falling, tokens.parents))))
