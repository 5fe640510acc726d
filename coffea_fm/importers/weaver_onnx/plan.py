"""Bring a model's JSON and a mapping together: which columns are read, and how each input is made of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from coffea_fm.errors import RecipeError
from coffea_fm.importers.weaver_onnx.expressions import Call, Column, Expression, parse
from coffea_fm.importers.weaver_onnx.levels import JET, level_of
from coffea_fm.importers.weaver_onnx.mapping import Group, Mapping, Padding, families, read_mapping
from coffea_fm.importers.weaver_onnx.preprocess import Input, Preprocess
from coffea_fm.tokens.levels import Level

STORED = "stored"


@dataclass(frozen=True)
class TokenGroup:
    """Tokens of one kind: which are read, in which order.

    Parameters
    ----------
    name : str
        Name of the group in the mapping.
    tokens : str
        Level of the tokens; empty for variables of the jet.
    select : Expression or None
        Condition to be read.
    order : Expression or None
        Key of the order, descending; None for the stored order.
    minimum : int
        A jet with fewer selected tokens has no score.
    """

    name: str
    tokens: str
    select: Expression | None
    order: Expression | None
    minimum: int


@dataclass(frozen=True)
class InputPlan:
    """How one input of a model is made.

    Parameters
    ----------
    name : str
        Name of the input.
    group : TokenGroup
    formulas : tuple of Expression
        One for each variable.
    described : Input
        Scaling and length.
    padding : {"constant", "wrap"}
    """

    name: str
    group: TokenGroup
    formulas: tuple[Expression, ...]
    described: Input
    padding: Padding


@dataclass(frozen=True)
class Plan:
    """How all inputs of a model are made.

    Parameters
    ----------
    level : Level
        What must be read: the jet, with its tokens.
    inputs : tuple of InputPlan
        In the order of the JSON.
    """

    level: Level
    inputs: tuple[InputPlan, ...]
    groups: tuple[TokenGroup, ...] = field(init=False)

    def __post_init__(self) -> None:
        groups = dict.fromkeys(entry.group for entry in self.inputs)
        object.__setattr__(self, "groups", tuple(groups))

    def with_lengths(self, lengths: MappingOf[str, tuple[int, int]]) -> Plan:
        """The same plan with other minimal and maximal lengths of some inputs."""
        inputs = []
        for entry in self.inputs:
            least, most = lengths.get(entry.name, (entry.described.min_length, entry.described.max_length))
            described = entry.described.model_copy(update={"min_length": least, "max_length": most})
            inputs.append(replace(entry, described=described))
        return Plan(self.level, tuple(inputs))


def make_plan(preprocess: Preprocess, mapping: Mapping, name: str) -> Plan:
    """Plan the inputs of a model.

    Parameters
    ----------
    preprocess : Preprocess
    mapping : Mapping
    name : str
        Name of the mapping, for errors.

    Raises
    ------
    RecipeError
        If the mapping does not know variables of the model: all are listed, with the nearest known ones. Also if an input
        mixes groups, or a formula is invalid.
    """
    owner = {variable: group for group, described in mapping.groups.items() for variable in described.variables}
    _require_known(preprocess, owner, name)
    groups: dict[str, TokenGroup] = {}
    inputs = []
    for input_name in preprocess.input_names:
        described = preprocess.inputs[input_name]
        found = {owner[variable] for variable in described.var_names}
        if len(found) > 1:
            raise RecipeError(
                f"mapping {name}: the variables of the input {input_name!r} belong to the groups "
                f"{', '.join(sorted(found))}: put them into one"
            )
        (group_name,) = found
        group = mapping.groups[group_name]
        where = f"mapping {name}: groups.{group_name}"
        if described.of_jet != (group.tokens is None):
            what = "of the jet" if described.of_jet else "of tokens"
            raise RecipeError(f"{where}: the input {input_name!r} is {what}, but the group is not: change 'tokens'")
        definitions = _definitions(group, where)

        def formula(
            text: str, part: str, known: MappingOf[str, Expression] = definitions, start: str = where
        ) -> Expression:
            return _checked(parse(text, f"{start}.{part}", known), f"{start}.{part}")

        if group_name not in groups:
            groups[group_name] = TokenGroup(
                group_name,
                group.tokens or "",
                formula(group.select, "select") if group.select else None,
                None if group.order == STORED else formula(group.order, "order"),
                group.minimum,
            )
        formulas = tuple(
            formula(group.variables[variable], f"variables.{variable}") for variable in described.var_names
        )
        inputs.append(InputPlan(input_name, groups[group_name], formulas, described, _padding(group, input_name)))
    return Plan(_level(inputs, mapping, name), tuple(inputs))


def _level(inputs: Sequence[InputPlan], mapping: Mapping, name: str) -> Level:
    needed: dict[str, int] = {}
    formulas = []
    for entry in inputs:
        group = entry.group
        if group.tokens:
            needed[group.tokens] = max(needed.get(group.tokens, 0), group.minimum)
        read = (*entry.formulas, group.select, group.order)
        formulas += [(group.tokens or JET, expression) for expression in read if expression is not None]
    return level_of(needed, formulas, mapping, name)


def _require_known(preprocess: Preprocess, owner: MappingOf[str, str], name: str) -> None:
    read = [variable for entry in preprocess.input_names for variable in preprocess.inputs[entry].var_names]
    unknown = [variable for variable in dict.fromkeys(read) if variable not in owner]
    if not unknown:
        return
    listed = []
    for variable in unknown:
        close = difflib.get_close_matches(variable, owner, n=1)
        listed.append(f"{variable} (did you mean {close[0]}?)" if close else variable)
    if len(unknown) == len(set(read)):
        raise RecipeError(
            f"the mapping {name} is for other models: it knows none of the variables {', '.join(unknown)}; it knows "
            f"{', '.join(owner)}{_better(read, 0)}"
        )
    raise RecipeError(
        f"the mapping {name} does not know {len(unknown)} of the variables of this model: {', '.join(listed)}. Add their "
        f"formulas to a mapping of your own that says 'extends: {name}'{_better(read, len(set(read)) - len(unknown))}"
    )


def _better(read: Sequence[str], known: int) -> str:
    """The shipped mappings that know most of these variables, if they know more."""
    counts = {name: len({*read} & _variables(read_mapping(name))) for name in families()}
    most = max(counts.values())
    best = " or ".join(name for name, count in counts.items() if count == most)
    return f". Of the shipped mappings, {best} knows most: {most} of {len(set(read))}" if most > known else ""


def _variables(mapping: Mapping) -> set[str]:
    return {variable for group in mapping.groups.values() for variable in group.variables}


def _definitions(group: Group, where: str) -> dict[str, Expression]:
    known: dict[str, Expression] = {}
    for name, text in group.definitions.items():
        known[name] = parse(text, f"{where}.definitions.{name}", known)
    return known


def _checked(expression: Expression, where: str, over: str = "") -> Expression:
    """A formula whose columns are of the token, its jet, or of the level of the function around them."""
    if isinstance(expression, Column) and expression.owner not in ("", JET, over):
        raise RecipeError(
            f"{where}: {expression.owner}.{expression.name} can be read only inside min_over({expression.owner}, ...)"
        )
    if isinstance(expression, Call):
        if over and expression.level:
            raise RecipeError(f"{where}: {expression.name} cannot be used inside another function over tokens")
        for argument in expression.arguments:
            _checked(argument, where, expression.level or over)
    return expression


def _padding(group: Group, name: str) -> Padding:
    if name.endswith("_mask"):
        return "constant"
    return group.pad.get(name, "constant") if isinstance(group.pad, dict) else group.pad
