"""Jets of which some particles are hidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from coffea_fm.nn.batches import Examples, set_lengths
from coffea_fm.nn.grouping import cheapest_groups
from coffea_fm.nn.inputs import Inputs, only_group
from coffea_fm.tokens import InputSpec, pad
from coffea_fm.tokens.padding import padded_length


class Particles(NamedTuple):
    """Some particles of each jet, in the order of the inputs (by pT, unless a recipe says otherwise).

    Attributes
    ----------
    inputs : Inputs
        Raw fields, padded.
    place : Tensor, int64 [sets, tokens]
        Which particle of its jet each is.
    """

    inputs: Inputs
    place: Tensor


class MaskedJets(NamedTuple):
    """Jets that pass through a network at once. Hidden and visible particles together are all.

    Attributes
    ----------
    whole : Inputs
        All particles.
    visible, hidden : Particles
    weight : Tensor, float32 [sets]
    """

    whole: Inputs
    visible: Particles
    hidden: Particles
    weight: Tensor

    @classmethod
    def of(cls, whole: Inputs, hidden: Tensor, weight: Tensor) -> MaskedJets:
        """Hide those particles, bool [sets, tokens]."""
        return cls(whole, _taken(whole, whole.mask & ~hidden), _taken(whole, hidden), weight)

    def of_hidden(self, values: Tensor) -> Tensor:
        """What belongs to hidden particles, without padding: [sets, hidden, ...] to [n_hidden, ...]."""
        return values[self.hidden.inputs.mask]

    def jet_of_hidden(self) -> Tensor:
        """Which jet each hidden particle belongs to, int64 [n_hidden]."""
        return self.hidden.inputs.mask.nonzero()[:, 0]

    def mean_of_hidden(self, values: Tensor) -> Tensor:
        """Mean over the hidden particles of each jet, float32 [sets], of [n_hidden]; 0 for a jet without any."""
        mask = self.hidden.inputs.mask
        padded = torch.zeros(mask.shape, device=values.device).masked_scatter(mask, values.float())
        return padded.sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def hidden_count(lengths: npt.NDArray[np.int64], fraction: float) -> npt.NDArray[np.int64]:
    """``floor(fraction n)`` of the n particles of a jet, but at least one, and never the last visible one."""
    floor = np.floor(fraction * lengths + 1e-9).astype(np.int64)
    count: npt.NDArray[np.int64] = np.minimum(np.maximum(floor, 1), np.maximum(lengths - 1, 0))
    return count


def choose_hidden(mask: npt.NDArray[np.bool_], fraction: float, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Choose particles at random, bool [sets, tokens], as many as `hidden_count` says, among those of the mask."""
    rank = np.where(mask, random.random(mask.shape), 2.0).argsort(axis=1).argsort(axis=1)
    hidden: npt.NDArray[np.bool_] = rank < hidden_count(mask.sum(axis=1), fraction)[:, np.newaxis]
    return hidden


def masked_parts(
    examples: Examples,
    spec: InputSpec,
    fraction: float,
    micro_tokens: int,
    device: torch.device,
    random: np.random.Generator,
) -> Iterator[MaskedJets]:
    """Group jets by how many particles will stay visible, at most `micro_tokens` a group, and hide the others."""
    lengths = set_lengths(examples.packed)
    for sets in cheapest_groups(lengths - hidden_count(lengths, fraction), micro_tokens):
        part = examples.take(sets)
        arrays = pad(part.packed, spec)
        hidden = choose_hidden(arrays[f"{only_group(spec).name}_mask"], fraction, random)
        yield MaskedJets.of(
            Inputs.from_arrays(arrays, spec, device),
            torch.as_tensor(hidden, device=device),
            torch.as_tensor(part.weight, device=device),
        )


def _taken(whole: Inputs, chosen: Tensor) -> Particles:
    """The chosen particles of each jet, moved to the front of a shorter batch."""
    length = int(padded_length(np.asarray(int(chosen.sum(dim=1).max()))))
    place = (~chosen).byte().argsort(dim=1, stable=True)[:, :length]
    tokens, missing = (
        values.gather(1, place.unsqueeze(-1).expand(-1, -1, values.shape[-1]))
        for values in (whole.tokens, whole.missing)
    )
    return Particles(Inputs(tokens, chosen.gather(1, place), missing, whole.jet), place)
