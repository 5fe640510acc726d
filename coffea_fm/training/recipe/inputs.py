"""The recipe sections for the inputs of the model: ``inputs`` for a jet, and ``event`` for the jets of an event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from coffea_fm.config import Config
from coffea_fm.tokens import JET_FIELDS, Level, jet_level, token_level
from coffea_fm.tokens.fields import stored_fields

_RAW = {"pt": "pt_raw", "mass": "mass_raw"}
"""Canonical names of the fields before jet energy corrections."""


class GroupConfig(Config):
    """A group of tokens, such as the constituents of a jet.

    Parameters
    ----------
    fields : tuple of str
        Canonical fields of the tokens.
    max_tokens : int
        Maximum number of tokens per jet.
    order : str
        The field that they are sorted by, descending; ``stored`` keeps the stored order.
    """

    fields: Annotated[tuple[str, ...], Field(min_length=1)]
    max_tokens: PositiveInt = 128
    order: str = "pt"


class InputsConfig(Config):
    """The raw fields of a jet that the model reads.

    Parameters
    ----------
    level : {"jet"}
        The level that has tokens.
    groups : dict of str to GroupConfig
        Groups of tokens by name, e.g. ``{constituents: {...}, vertices: {...}}``. A jet without tokens in the first group
        has no score.
    tokens : str
        Name of the group, if there is only one. In this case, use the following keys instead of `groups`.
    fields, max_tokens, order : object
        See `GroupConfig`.
    jet : tuple of str
        Canonical fields of the jet itself.
    momentum : {"uncorrected", "corrected"}
        Whether ``pt`` and ``mass`` of the jet are those before or after jet energy corrections.
    stored : tuple of str
        Columns of the jet for the backbone ``stored``, instead of all of the above: scores or other numbers by their
        names in the file, and vectors with their length, ``NAME[64]``.
    """

    level: Literal["jet"] = "jet"
    groups: dict[str, GroupConfig] = {}
    tokens: str = "constituents"
    fields: tuple[str, ...] = ()
    max_tokens: PositiveInt = 128
    order: str = "pt"
    jet: tuple[str, ...] = ("pt", "eta", "phi", "mass")
    momentum: Literal["uncorrected", "corrected"] = "uncorrected"
    stored: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_name_tokens(self) -> Self:
        if self.stored:
            others = sorted(self.model_fields_set - {"stored", "level"})
            if any(getattr(self, name) != type(self).model_fields[name].default for name in others):
                raise ValueError(f"{others[0]}: stored columns are read alone; take this key out")
            return self
        if not self.groups and not self.fields:
            raise ValueError("fields: name the fields of the tokens to read, or give groups")
        flat = [name for name in ("tokens", "fields", "max_tokens", "order") if name in self.model_fields_set]
        if self.groups and any(getattr(self, name) != type(self).model_fields[name].default for name in flat):
            raise ValueError(f"{flat[0]}: where groups are given, each has its own; take this key out")
        return self

    def build(self) -> Level:
        """Build the level of the jets.

        Raises
        ------
        RecipeError
            If a name is not a canonical one.
        """
        if self.stored:
            return Level("jet", stored_fields(self.stored))
        groups = self.groups or {
            self.tokens: GroupConfig(fields=self.fields, max_tokens=self.max_tokens, order=self.order)
        }
        members = [
            token_level(name, group.fields, order=group.order, minimum=int(index == 0), maximum=group.max_tokens)
            for index, (name, group) in enumerate(groups.items())
        ]
        raw = _RAW if self.momentum == "uncorrected" else {}
        return jet_level(members, [raw.get(name, name) for name in self.jet])


class EventConfig(Config):
    """The jets of an event that the model reads.

    Parameters
    ----------
    collection : str
        Name of the jets, used to call the tagger: ``tagger(events, FatJet=jets)``.
    order : str
        The field that jets are sorted by, descending; ``stored`` keeps the stored order.
    minimum, maximum : int
        Events with fewer jets than `minimum` have no score. At most the first `maximum` jets are read.
    """

    collection: str = "FatJet"
    order: str = "pt"
    minimum: PositiveInt = 1
    maximum: PositiveInt = 5

    def build(self, jets: Level, fields: Iterable[str]) -> Level:
        """Build the level of events of these jets, with additional jet fields for the head.

        Raises
        ------
        RecipeError
            If a name is not a canonical one, or the minimum exceeds the maximum.
        """
        own = tuple(name for name in jets.names if name in JET_FIELDS)
        members = jet_level(
            jets.members,
            dict.fromkeys([*own, *fields]),
            stored=tuple(field for field in jets.fields if field.name not in own),
            name=self.collection,
            order=self.order,
            minimum=self.minimum,
            maximum=self.maximum,
        )
        return Level("event", (), (members,))
