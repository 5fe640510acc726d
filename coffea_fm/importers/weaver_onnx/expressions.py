"""The language of mappings: formulas of columns, parsed to a small tree. Nothing is ever executed as Python.

A formula is written in Python's notation: numbers, names, ``+ - * / **``, comparisons, ``and or not``, and the functions
of `FUNCTIONS`. A bare name is a column of the token; ``jet.eta`` is a column of its jet. ``min_over(vertices, ...)``
is the smallest value over the vertices of the jet, whose columns are written ``vertices.eta``.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from coffea_fm.errors import RecipeError
from coffea_fm.names import nearest

MOST_CHARACTERS: Final = 1000
MOST_NODES: Final = 2000
DEEPEST: Final = 40
_LARGEST: Final = sys.float_info.max

FUNCTIONS: Final[Mapping[str, tuple[int, ...]]] = {
    **dict.fromkeys(("abs", "sign", "sqrt", "exp", "log", "floor", "round", "tanh"), (1,)),
    **dict.fromkeys(("sin", "cos", "sinh", "cosh"), (1,)),
    "missing": (1,),
    "finite": (1,),
    **dict.fromkeys(("hypot", "delta_phi", "min", "max"), (2,)),
    **dict.fromkeys(("where", "clip"), (3,)),
    "min_over": (2,),
    "count": (1,),
}
"""Functions by name, and the numbers of their arguments."""

BOOLEANS: Final = frozenset({"<", "<=", ">", ">=", "==", "!=", "and", "or", "not", "missing", "finite"})
"""Operations that give true or false. In arithmetic these count as 1 and 0."""


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Column:
    """A column of the token (owner ``""``), of its jet (``"jet"``), or of other tokens of the jet (their level)."""

    owner: str
    name: str


@dataclass(frozen=True)
class Call:
    """An operation or a function of formulas. The first argument of ``min_over`` and ``count`` names a level."""

    name: str
    arguments: tuple[Expression, ...]
    level: str = ""


Expression: TypeAlias = Number | Column | Call
Fail: TypeAlias = Callable[[str], RecipeError]

_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


def parse(text: str, where: str, definitions: Mapping[str, Expression] | None = None) -> Expression:
    """Parse a formula.

    Parameters
    ----------
    text : str
        The formula.
    where : str
        Place of the formula, for errors, e.g. ``"pf.variables.pfcand_etarel"``.
    definitions : mapping of str to Expression, optional
        Names that stand for other formulas.

    Raises
    ------
    RecipeError
        If it is not a formula of this language, or too long.
    """

    def fail(reason: str) -> RecipeError:
        return RecipeError(f"{where}: {reason} in the formula {text[:100]!r}")

    if len(text) > MOST_CHARACTERS:
        raise fail(f"more than {MOST_CHARACTERS} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise fail("invalid syntax") from error
    expression = _convert(tree, definitions or {}, fail, 0)
    _check_size(expression, fail)
    return expression


def _check_size(expression: Expression, fail: Fail) -> None:
    """Refuse formulas that definitions make too long or too deep, without writing them out."""
    below = [(expression, 0)]
    nodes = 0
    while below:
        part, depth = below.pop()
        nodes += 1
        if nodes > MOST_NODES:
            raise fail(f"more than {MOST_NODES} operations, with its definitions,")
        if depth > 2 * DEEPEST:
            raise fail(f"more than {2 * DEEPEST} nested operations, with its definitions,")
        if isinstance(part, Call):
            below += ((argument, depth + 1) for argument in part.arguments)


def walk(expression: Expression) -> Iterator[Expression]:
    """A formula and all formulas inside it."""
    yield expression
    if isinstance(expression, Call):
        for argument in expression.arguments:
            yield from walk(argument)


def columns(expression: Expression) -> Iterator[Column]:
    """The columns that a formula reads."""
    return (part for part in walk(expression) if isinstance(part, Column))


def _convert(node: ast.expr, known: Mapping[str, Expression], fail: Fail, depth: int) -> Expression:
    if depth > DEEPEST:
        raise fail(f"more than {DEEPEST} nested operations")

    def inner(part: ast.expr) -> Expression:
        return _convert(part, known, fail, depth + 1)

    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            if abs(value) > _LARGEST:  # an integer may be too large for a float
                raise fail("a number that is not finite")
            return Number(float(value))
        case ast.Name(id=name):
            return known.get(name, Column("", name))
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return Column(owner, name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inside = inner(operand)
            return Number(-inside.value) if isinstance(inside, Number) else Call("-", (Number(0.0), inside))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Call("not", (inner(operand),))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
            return Call(_BINARY[type(operator)], (inner(left), inner(right)))
        case ast.BoolOp(op=operator, values=values):
            name = "and" if isinstance(operator, ast.And) else "or"
            return _chained(name, [inner(value) for value in values])
        case ast.Compare(left=left, ops=operators, comparators=others) if all(
            type(o) in _COMPARISONS for o in operators
        ):
            sides = [inner(side) for side in (left, *others)]
            pairs = zip(operators, sides, sides[1:], strict=False)
            return _chained("and", [Call(_COMPARISONS[type(o)], (first, second)) for o, first, second in pairs])
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _function(name, arguments, inner, fail)
    raise fail(f"{ast.unparse(node)[:40]!r} is not part of the language of mappings; it was found")


def _chained(name: str, values: list[Expression]) -> Expression:
    first, *others = values
    for other in others:
        first = Call(name, (first, other))
    return first


def _function(name: str, arguments: list[ast.expr], inner: Callable[[ast.expr], Expression], fail: Fail) -> Expression:
    if name not in FUNCTIONS:
        raise fail(f"unknown function {name!r}: {nearest(name, FUNCTIONS)}; it was found")
    if len(arguments) not in FUNCTIONS[name]:
        raise fail(f"{name} takes {FUNCTIONS[name][0]} arguments, not {len(arguments)},")
    if name in ("min_over", "count"):
        level, *others = arguments
        if not isinstance(level, ast.Name):
            raise fail(f"the first argument of {name} must be the name of a list of tokens, such as vertices,")
        return Call(name, tuple(map(inner, others)), level.id)
    converted = tuple(map(inner, arguments))
    if name == "missing" and not isinstance(converted[0], Column):
        raise fail("missing() takes the name of a column, but something else was found")
    return Call(name, converted)
