"""What networks take and backbones give: padded tensors that mirror the levels, an embedding and token vectors."""

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
        Raw fields in their canonical units; what a member lacks is 0 and flagged in `missing`.
    mask : Tensor, bool [things, slots]
        True where there is a member. What stands in the other slots never matters.
    missing : Tensor, bool [things, slots, missing fields]
        True where a field that single members may lack is missing.
    known : dict of str to Tensor [things, slots, dim]
        What graphs gave for the members already, such as their ``embedding``.
    groups : tuple of Inputs
        The members once more with members of their own, in groups of similar length; none where they have no members,
        or where these need not be read.
    slots : Tensor, int64 [members]
        Slot of each member of the groups, counted through all slots of the batch.
    """

    values: Tensor
    mask: Tensor
    missing: Tensor
    known: dict[str, Tensor] = {}
    groups: tuple[Inputs, ...] = ()
    slots: Tensor = torch.empty(0, dtype=torch.int64)


class Inputs(NamedTuple):
    """A batch of things of one level, as raw fields.

    Attributes
    ----------
    values : Tensor, float32 [things, fields]
    missing : Tensor, bool [things, missing fields]
    members : dict of str to Members
        What belongs to each, by the name of the level below.
    known : dict of str to Tensor [things, dim]
        What graphs gave for the things already, such as their ``embedding``.
    """

    values: Tensor
    missing: Tensor
    members: dict[str, Members]
    known: dict[str, Tensor] = {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], level: Level, device: Device = "cpu") -> Inputs:
        """Take the padded arrays of a batch, under the names that `coffea_fm.tokens.pad` gives them, as tensors."""
        given = {name: torch.as_tensor(array, device=device) for name, array in arrays.items()}
        members = {member.name: _members(given, member) for member in level.members if member.name in given}
        n_things = len(next(iter(given.values())))
        some = next(iter(given.values()))
        values = given[level.name] if level.fields else some.new_zeros((n_things, 0), dtype=torch.float32)
        missing = some.new_zeros((n_things, len(level.missing_names)), dtype=torch.bool)
        return cls(values, missing, members, {"embedding": given["embedding"]} if "embedding" in given else {})

    @property
    def tokens(self) -> Members:
        """The members of the only level below, for methods and views that are made for one group of tokens.

        Raises
        ------
        RecipeError
            If there are several.
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
    """What a backbone makes of a batch.

    Attributes
    ----------
    embedding : Tensor [things, dim]
        One vector a thing; NaN for a thing that holds a number which is not finite.
    token_vectors : Tensor [things, slots, dim]
        One vector for each member of the first group, 0 in empty slots.
    """

    embedding: Tensor
    token_vectors: Tensor


def only_member(level: Level) -> Level:
    """The level below, for methods and views that are made for one group of tokens.

    Raises
    ------
    RecipeError
        If there are several, or none.
    """
    if len(level.members) != 1:
        names = ", ".join(member.name for member in level.members) or "none"
        raise RecipeError(f"one group of tokens is needed here, and the inputs name {names}")
    return level.members[0]


def not_finite(inputs: Inputs) -> Tensor:
    """Zero for each thing of finite numbers and NaN for each other one, to add to its embedding.

    Clipped features can swallow a NaN, and runtimes differ in it; a wrong number must not come out of a wrong input.

    Returns
    -------
    Tensor, float32 [things, 1]
    """
    total = (inputs.values * 0.0).sum(dim=1, keepdim=True)
    for members in inputs.members.values():
        total = total + not_finite_members(members.values, members.mask)
    return total


def not_finite_members(values: Tensor, mask: Tensor) -> Tensor:
    """The same for the members of each thing: values [things, slots, fields] and their mask [things, slots]."""
    return (values.masked_fill(~mask.unsqueeze(-1), 0.0) * 0.0).sum(dim=(1, 2)).unsqueeze(-1)
