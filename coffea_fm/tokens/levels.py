"""What a model reads, as a tree of levels. Each level is one kind of thing, with lists of other things as members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from coffea_fm.errors import RecipeError
from coffea_fm.names import close_name
from coffea_fm.tokens.fields import CATALOGUES, JET_FIELDS, Field


@dataclass(frozen=True)
class Level:
    """One kind of thing that a model reads, with ragged lists of other things as members.

    A token is a level without members. The top level of a model of jets is the jet, with its constituents as members;
    the top level of a model of events is the event, with jets as members.

    Parameters
    ----------
    name : str
        Name of one thing at the top (``"jet"``, ``"event"``); for members, the name of the field that holds the list
        (``"constituents"``, ``"FatJet"``).
    fields : tuple of Field
        Raw fields of each thing, with their units: the columns of the packed matrix, in order.
    members : tuple of Level
        Lists of things that belong to each thing.
    order : str
        Field by which the things of one parent are sorted, descending and stable; ``"stored"`` keeps the given order.
    minimum : int
        A parent with fewer of these things has no score.
    maximum : int, optional
        Only the first `maximum` of these things are read, in `order`; by default all.
    """

    name: str
    fields: tuple[Field, ...] = ()
    members: tuple[Level, ...] = ()
    order: str = "stored"
    minimum: int = 0
    maximum: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields."""
        return tuple(field.name for field in self.fields)

    @property
    def missing_names(self) -> tuple[str, ...]:
        """Names of the fields that may be missing: the columns of the packed ``missing`` mask."""
        return tuple(field.name for field in self.fields if field.missing)

    def walk(self) -> Iterator[Level]:
        """Every level from this one down, depth first."""
        yield self
        for member in self.members:
            yield from member.walk()

    def path(self, name: str) -> tuple[str, ...]:
        """Names of the members on the way from this level to another; empty for this level itself.

        Raises
        ------
        KeyError
            If there is no such level.
        """
        if name == self.name:
            return ()
        for member in self.members:
            if any(level.name == name for level in member.walk()):
                return (member.name, *member.path(name))
        raise KeyError(name)

    def find(self, name: str) -> Level:
        """Return the level with this name: this level or one below. Raises `KeyError` if there is none."""
        for level in self.walk():
            if level.name == name:
                return level
        raise KeyError(name)

    @property
    def collections(self) -> tuple[Level, ...]:
        """The members that are things of their own, such as the jets of an event; empty if all members are tokens."""
        return tuple(member for member in self.members if member.members or self.name == "event")

    def map(self, change: Callable[[Level], Level]) -> Level:
        """Apply a function to every level of the tree, members first."""
        return change(replace(self, members=tuple(member.map(change) for member in self.members)))


def token_level(
    name: str, fields: Iterable[str], *, order: str = "pt", minimum: int = 0, maximum: int | None = 128
) -> Level:
    """Create a level of tokens with canonical fields, e.g. the constituents of a jet.

    Raises
    ------
    RecipeError
        If `name` or a field is not a canonical one, or `order` is not one of the fields.
    """
    if name not in CATALOGUES:
        raise RecipeError(f"unknown tokens {name!r}: choose one of {', '.join(CATALOGUES)}")
    return _checked(Level(name, choose_fields(CATALOGUES[name], fields, name), (), order, minimum, maximum))


def jet_level(
    members: Iterable[Level],
    fields: Iterable[str],
    *,
    stored: Iterable[Field] = (),
    name: str = "jet",
    order: str = "stored",
    minimum: int = 0,
    maximum: int | None = None,
) -> Level:
    """Create a level of jets with canonical fields, then stored ones: the top of a model of jets, or a member of events.

    Raises
    ------
    RecipeError
        If a field is not a canonical one, `order` is not one of the fields, or the limits on the number contradict.
    """
    chosen = (*choose_fields(JET_FIELDS, fields, "jet"), *stored)
    return _checked(Level(name, chosen, tuple(members), order, minimum, maximum))


def with_truth(level: Level, names: Iterable[str]) -> Level:
    """Append truth fields, which no model can read, to the first members of a level.

    A recipe chooses its inputs among the canonical fields, and truth fields are not canonical.

    Raises
    ------
    RecipeError
        If a name is that of a canonical field.
    """
    first, *others = level.members
    fields = tuple(Field(name, "1") for name in names)
    for field in fields:
        if field.name in CATALOGUES[first.name]:
            raise RecipeError(
                f"{first.name}.{field.name} is an input of models and cannot be truth: choose another field"
            )
    return replace(level, members=(replace(first, fields=first.fields + fields), *others))


def without_ranges(level: Level) -> Level:
    """Remove the ranges that a model was trained on."""

    def plain(part: Level) -> Level:
        return replace(part, fields=tuple(replace(field, trained=None) for field in part.fields))

    return level.map(plain)


def choose_fields(catalogue: dict[str, Field], names: Iterable[str], what: str) -> tuple[Field, ...]:
    """Canonical fields by name.

    Raises
    ------
    RecipeError
        If there is no such field. The message suggests the nearest name.
    """
    names = tuple(names)
    for name in names:
        if name not in catalogue:
            nearest = close_name(name, catalogue, similarity=0)
            raise RecipeError(
                f"unknown {what} field {name!r}; did you mean {nearest!r}? Known fields: {', '.join(catalogue)}"
            )
    return tuple(catalogue[name] for name in names)


def _checked(level: Level) -> Level:
    if level.order != "stored" and level.order not in level.names:
        listed = ", ".join(level.names) or "none"
        raise RecipeError(f"{level.name} are ordered by {level.order!r}, which is not among their fields ({listed})")
    if level.maximum is not None and not max(level.minimum, 1) <= level.maximum:
        raise RecipeError(
            f"{level.name}: the minimum is {level.minimum} and the maximum {level.maximum}: "
            "the maximum must be 1 or more, and not below the minimum"
        )
    return level
