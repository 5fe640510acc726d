"""Which columns the formulas of a model read: the level of its bundle."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf

from coffea_fm.errors import RecipeError
from coffea_fm.importers.weaver_onnx.expressions import Call, Expression, columns, walk
from coffea_fm.importers.weaver_onnx.mapping import ColumnInfo, Mapping
from coffea_fm.names import nearest
from coffea_fm.tokens.fields import CATALOGUES, JET_FIELDS, Field
from coffea_fm.tokens.levels import Level

JET = "jet"
"""Name of the level of jets, and of the owner of their columns in formulas."""


def level_of(
    groups: MappingOf[str, int], formulas: Iterable[tuple[str, Expression]], mapping: Mapping, name: str
) -> Level:
    """The level with all columns that formulas read.

    Parameters
    ----------
    groups : mapping of str to int
        The lists of tokens that the model reads, and how many of each a jet needs.
    formulas : iterable of (str, Expression)
        The level that each formula belongs to, and the formula.
    mapping : Mapping
        Describes columns without a canonical name.
    name : str
        Name of the mapping, for errors.

    Raises
    ------
    RecipeError
        If a column is neither canonical nor described, or the model reads no tokens.
    """
    read: dict[str, dict[str, None]] = {tokens: {} for tokens in groups}
    for own, expression in formulas:
        for column in columns(expression):
            read.setdefault(column.owner or own, {})[column.name] = None
        for part in walk(expression):
            if isinstance(part, Call) and part.level:
                read.setdefault(part.level, {})
    infos = _infos(mapping)
    where = f"mapping {name}"
    fields = tuple(_field(JET, column, JET_FIELDS, infos[JET], where) for column in read.pop(JET, {}))
    members = []
    for tokens, names in read.items():
        catalogue = CATALOGUES.get(tokens, {})
        chosen = tuple(_field(tokens, column, catalogue, infos.get(tokens, {}), where) for column in names)
        if not chosen:
            raise RecipeError(f"{where}: no formula reads a column of {tokens}: the model would not depend on them")
        members.append(Level(tokens, chosen, minimum=groups.get(tokens, 0)))
    if not members:
        raise RecipeError(f"{where}: the model reads no tokens, which is not supported")
    return Level(JET, fields, tuple(members))


def _infos(mapping: Mapping) -> dict[str, dict[str, ColumnInfo]]:
    infos: dict[str, dict[str, ColumnInfo]] = {JET: dict(mapping.jet_columns)}
    for group in mapping.groups.values():
        infos.setdefault(group.tokens or JET, {}).update(group.columns)
    return infos


def _field(
    level: str, name: str, catalogue: MappingOf[str, Field], infos: MappingOf[str, ColumnInfo], where: str
) -> Field:
    if name in infos:
        return Field(name, infos[name].unit, missing=infos[name].missing)
    if name in catalogue:
        return catalogue[name]
    known = [*catalogue, *infos]
    raise RecipeError(
        f"{where}: a formula reads {level}.{name}, which is neither a canonical field nor listed under 'columns': "
        f"{nearest(name, known)}"
    )
