"""Jets with some of their particles hidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from coffea_fm.arrays import BoolArray, IntArray
from coffea_fm.methods.method import Method
from coffea_fm.nn.batches import Examples, column_tensors
from coffea_fm.nn.grouping import cheapest_groups
from coffea_fm.nn.inputs import Inputs, Members, only_member
from coffea_fm.tokens import Level, pad
from coffea_fm.tokens.padding import padded_length


class Particles(NamedTuple):
    """Some particles of each jet, in the order of the inputs (by pT, unless a recipe says otherwise).

    Attributes
    ----------
    inputs : Inputs
        Raw fields, padded.
    place : Tensor, int64 [jets, tokens]
        Index of each particle in its jet.
    """

    inputs: Inputs
    place: Tensor

    @property
    def mask(self) -> Tensor:
        """True for real particles, bool [jets, tokens]."""
        return self.inputs.tokens.mask


class MaskedJets(NamedTuple):
    """A batch of jets, with their particles split into hidden and visible ones.

    Attributes
    ----------
    whole : Inputs
        All particles.
    visible, hidden : Particles
    weight : Tensor, float32 [jets]
    columns : dict of str to Tensor [jets]
        Numbers stored per jet, such as the class as ``target``.
    """

    whole: Inputs
    visible: Particles
    hidden: Particles
    weight: Tensor
    columns: dict[str, Tensor] = {}

    @classmethod
    def of(cls, whole: Inputs, hidden: Tensor, weight: Tensor) -> MaskedJets:
        """Hide these particles, bool [jets, tokens]."""
        return cls(whole, _taken(whole, whole.tokens.mask & ~hidden), _taken(whole, hidden), weight)

    def of_hidden(self, values: Tensor) -> Tensor:
        """Remove the padding from values of hidden particles: [jets, hidden, ...] to [n_hidden, ...]."""
        return values[self.hidden.mask]

    def jet_of_hidden(self) -> Tensor:
        """Index of the jet of each hidden particle, int64 [n_hidden]."""
        return self.hidden.mask.nonzero()[:, 0]

    def mean_of_hidden(self, values: Tensor) -> Tensor:
        """Mean over the hidden particles of each jet, float32 [jets], of [n_hidden]; 0 for a jet without any."""
        mask = self.hidden.mask
        padded = torch.zeros(mask.shape, device=values.device).masked_scatter(mask, values.float())
        return padded.sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def vectors_at(vectors: Tensor, place: Tensor) -> Tensor:
    """Select the vectors of the particles at these places: [jets, tokens, dim] to [jets, places, dim]."""
    return torch.take_along_dim(vectors, place.unsqueeze(-1), dim=1)


def hidden_count(lengths: IntArray, fraction: float) -> IntArray:
    """``floor(fraction n)`` for a jet with n particles, but at least one, and always leaving one visible."""
    floor = np.floor(fraction * lengths + 1e-9).astype(np.int64)
    count: IntArray = np.minimum(np.maximum(floor, 1), np.maximum(lengths - 1, 0))
    return count


def choose_hidden(mask: BoolArray, fraction: float, random: np.random.Generator) -> BoolArray:
    """Choose `hidden_count` of the particles in the mask at random, bool [jets, tokens]."""
    rank = np.where(mask, random.random(mask.shape), 2.0).argsort(axis=1).argsort(axis=1)
    hidden: BoolArray = rank < hidden_count(mask.sum(axis=1), fraction)[:, np.newaxis]
    return hidden


def masked_parts(
    examples: Examples,
    level: Level,
    fraction: float,
    micro_tokens: int,
    device: torch.device,
    random: np.random.Generator,
) -> Iterator[MaskedJets]:
    """Group jets by their number of visible particles, at most `micro_tokens` per group, and hide the others."""
    lengths = examples.packed.n_tokens
    for rows in cheapest_groups(lengths - hidden_count(lengths, fraction), micro_tokens):
        part = examples.take(rows)
        arrays = pad(part.packed, level)
        hidden = choose_hidden(arrays[f"{only_member(level).name}_mask"], fraction, random)
        masked = MaskedJets.of(
            Inputs.from_arrays(arrays, level, device),
            torch.as_tensor(hidden, device=device),
            torch.as_tensor(part.weight, device=device),
        )
        yield masked._replace(columns=column_tensors(part.columns, device))


class MaskedMethod(Method):
    """Base class of methods that hide particles of each jet at random.

    Attributes
    ----------
    hidden : float
        Fraction of the particles to hide.
    """

    hidden: float

    def parts(
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[MaskedJets]:
        """Hide particles, and group jets by the number of visible ones."""
        return masked_parts(examples, level, self.hidden, micro_tokens, device, random)


def _taken(whole: Inputs, chosen: Tensor) -> Particles:
    """The chosen particles of each jet, moved to the front of a shorter batch."""
    length = int(padded_length(np.asarray(int(chosen.sum(dim=1).max()))))
    place = (~chosen).byte().argsort(dim=1, stable=True)[:, :length]
    ((name, tokens),) = whole.members.items()
    values, missing = vectors_at(tokens.values, place), vectors_at(tokens.missing, place)
    taken = Members(values, chosen.gather(1, place), missing, place=place)
    return Particles(whole._replace(members={name: taken}), place)
