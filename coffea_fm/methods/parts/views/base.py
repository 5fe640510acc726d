"""What every change of jets is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens, TokenGroup
from coffea_fm.tokens.jagged import IntArray
from coffea_fm.tokens.packed import BoolArray, FloatArray

Floats = npt.NDArray[np.floating]
Coordinates = tuple[Floats, Floats]
Move = Callable[[Floats, Floats, FloatArray, IntArray], Coordinates]
"""From eta and phi relative to the jet's axis, pt, and the index of the jet, of each token, to new eta and phi."""


class BaseChange(BaseModel):
    """A random change of jets. Its fields are what the recipe says of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __call__(self, packed: PackedSets, spec: InputSpec, random: np.random.Generator) -> PackedSets:
        """Change each jet by itself.

        Parameters
        ----------
        packed : PackedSets
            Jets, their tokens and they with ``pt``, ``eta`` and ``phi``. Left as they are.
        spec : InputSpec
            Describes `packed`.
        random : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        PackedSets
            As many jets, in the same order.
        """
        raise NotImplementedError


def change_tokens(
    packed: PackedSets, spec: InputSpec, change: Callable[[PackedTokens, TokenGroup], PackedTokens]
) -> PackedSets:
    """The same jets with changed tokens."""
    return PackedSets({group.name: change(packed.groups[group.name], group) for group in spec.groups}, packed.jet)


def move_tokens(packed: PackedSets, spec: InputSpec, move: Move) -> PackedSets:
    """The same jets with their tokens elsewhere in the plane around the jet's axis."""
    axis_eta, axis_phi = (packed.jet[:, spec.jet_names.index(name)] for name in ("eta", "phi"))

    def moved(tokens: PackedTokens, group: TokenGroup) -> PackedTokens:
        sets = set_of_token(tokens)
        values = tokens.values.copy()
        eta, phi, pt = (group.names.index(name) for name in ("eta", "phi", "pt"))
        relative = values[:, eta] - axis_eta[sets], wrap(values[:, phi] - axis_phi[sets])
        new_eta, new_phi = move(*relative, values[:, pt], sets)
        values[:, eta] = axis_eta[sets] + new_eta
        values[:, phi] = wrap(axis_phi[sets] + new_phi)
        return PackedTokens(values, tokens.lengths, tokens.missing)

    return change_tokens(packed, spec, moved)


def set_of_token(tokens: PackedTokens) -> IntArray:
    """The set that each token belongs to, int64 [n_tokens]."""
    return np.repeat(np.arange(len(tokens.lengths)), tokens.lengths)


def keep_tokens(tokens: PackedTokens, kept: BoolArray) -> PackedTokens:
    """The tokens where `kept` (bool [n_tokens]) is true."""
    before = np.concatenate(([0], np.cumsum(kept)))
    return PackedTokens(tokens.values[kept], np.diff(before[tokens.offsets]), tokens.missing[kept])


def sort_tokens(tokens: PackedTokens, group: TokenGroup) -> PackedTokens:
    """The same tokens in the order that the group asks for."""
    if group.order == "stored":
        return tokens
    order = np.lexsort((-tokens.values[:, group.names.index(group.order)], set_of_token(tokens)))
    return PackedTokens(tokens.values[order], tokens.lengths, tokens.missing[order])


def wrap(angle: Floats) -> Floats:
    """The same angle in [-pi, pi)."""
    wrapped: Floats = (angle + np.pi) % (2 * np.pi) - np.pi
    return wrapped
