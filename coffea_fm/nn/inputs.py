"""Inputs and outputs of backbones: padded tensors that mirror the levels, embeddings and token vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from coffea_fm.errors import RecipeError
from coffea_fm.tokens import Level

Device = torch.device | str


class Members(NamedTuple):
    """The members of each thing of a batch, in padded slots.

    Attributes
    ----------
    values : Tensor, float32 [things, slots, fields]
        Raw fields in their canonical units; a missing value is 0 and flagged in `missing`.
    mask : Tensor, bool [things, slots]
        True where there is a member. The content of the other slots is ignored.
    missing : Tensor, bool [things, slots, missing fields]
        True where an optional field is missing.
    known : dict of str to Tensor [things, slots, dim]
        Precomputed outputs for the members, such as their ``embedding``.
    groups : tuple of Inputs
        The members again, together with their own members, in groups of similar length. Empty if they have no members,
        or if these are not needed.
    slots : Tensor, int64 [members]
        Index of the slot of each member in `groups`, counting all slots of the batch.
    place : Tensor, int64 [things, slots], optional
        Index of each member in its thing, where some members were left out; by default the index of its slot.
    """

    values: Tensor
    mask: Tensor
    missing: Tensor
    known: dict[str, Tensor] = {}
    groups: tuple[Inputs, ...] = ()
    slots: Tensor = torch.empty(0, dtype=torch.int64)
    place: Tensor | None = None


class Inputs(NamedTuple):
    """A batch of things of one level, as raw fields.

    Attributes
    ----------
    values : Tensor, float32 [things, fields]
    missing : Tensor, bool [things, missing fields]
    members : dict of str to Members
        Their members, by the name of the level below.
    known : dict of str to Tensor [things, dim]
        Precomputed outputs for the things, such as their ``embedding``.
    """

    values: Tensor
    missing: Tensor
    members: dict[str, Members]
    known: dict[str, Tensor] = {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], level: Level, device: Device = "cpu") -> Inputs:
        """Convert the padded arrays of a batch, named as in `coffea_fm.tokens.pad`, to tensors."""
        given = {name: torch.as_tensor(array, device=device) for name, array in arrays.items()}
        members = {member.name: _members(given, member) for member in level.members if member.name in given}
        n_things = len(next(iter(given.values())))
        some = next(iter(given.values()))
        values = given[level.name] if level.fields else some.new_zeros((n_things, 0), dtype=torch.float32)
        missing = some.new_zeros((n_things, len(level.missing_names)), dtype=torch.bool)
        return cls(values, missing, members, {"embedding": given["embedding"]} if "embedding" in given else {})

    @property
    def tokens(self) -> Members:
        """The members of the only level below, for methods that support a single group of tokens.

        Raises
        ------
        RecipeError
            If there are several groups.
        """
        if len(self.members) != 1:
            raise RecipeError(f"one group of tokens is needed here, and the inputs have {', '.join(self.members)}")
        return next(iter(self.members.values()))


def _members(given: Mapping[str, Tensor], level: Level) -> Members:
    mask = given[f"{level.name}_mask"]
    missing = given[f"{level.name}_missing"] if level.missing_names else mask.new_zeros((*mask.shape, 0))
    prefix = f"{level.name}_"
    own = {prefix + "mask", prefix + "missing"}
    known = {
        name.removeprefix(prefix): array for name, array in given.items() if name.startswith(prefix) and name not in own
    }
    return Members(given[level.name], mask, missing, known)


class BackboneOutput(NamedTuple):
    """Output of a backbone for a batch.

    Attributes
    ----------
    embedding : Tensor [things, dim]
        One vector per thing; NaN if any of its inputs is NaN or infinite.
    token_vectors : Tensor [things, slots, dim]
        One vector per member of the first group; 0 in empty slots.
    """

    embedding: Tensor
    token_vectors: Tensor


def only_member(level: Level) -> Level:
    """The only level below, for methods and views that support a single group of tokens.

    Raises
    ------
    RecipeError
        If there are several levels below, or none.
    """
    if len(level.members) != 1:
        names = ", ".join(member.name for member in level.members) or "none"
        raise RecipeError(f"one group of tokens is needed here, and the inputs name {names}")
    return level.members[0]


def not_finite(inputs: Inputs) -> Tensor:
    """Zero for each thing with finite inputs and NaN for every other one, to be added to its embedding.

    Clipping can turn a NaN into a number, and runtimes differ in this. An invalid input must give NaN, not a plausible
    number.

    Returns
    -------
    Tensor, float32 [things, 1]
    """
    parts = [not_finite_members(members.values, members.mask) for members in inputs.members.values()]
    if (
        inputs.values.shape[1] or not parts
    ):  # a tensor without columns would fix the size of the batch in an exported graph
        parts.insert(0, (inputs.values * 0.0).sum(dim=1, keepdim=True))
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def not_finite_members(values: Tensor, mask: Tensor) -> Tensor:
    """The same for members: values [things, slots, fields] and their mask [things, slots]."""
    return (values.masked_fill(~mask.unsqueeze(-1), 0.0) * 0.0).sum(dim=(1, 2)).unsqueeze(-1)
