from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from coffea_fm.errors import RecipeError
from coffea_fm.importers.weaver_onnx.evaluate import NUMPY, evaluate
from coffea_fm.importers.weaver_onnx.expressions import FUNCTIONS, Call, Column, Number, columns, parse
from coffea_fm.importers.weaver_onnx.nodes import Formulas, Nodes

VALUES = {"a": np.array([-2.5, -0.5, 0.0, 0.5, 3.7], np.float32), "b": np.array([1.0, 2.0, -3.0, 0.5, 0.0], np.float32)}
MISSING = {"a": np.array([True, False, False, True, False]), "b": np.zeros(5, bool)}
OTHERS = np.array([0.1, -4.0, 2.0], np.float32)
REAL = np.array([True, False, True])

FORMULAS = [
    "a + b * 2 - a / 4",
    "a ** 2",
    "-a",
    "abs(a) + sign(b)",
    "sqrt(abs(a)) + exp(b) + log(abs(a) + 1) + tanh(b)",
    "floor(a) + round(b)",
    "sin(a) + cos(a) + sinh(b) + cosh(b)",
    "hypot(a, b)",
    "delta_phi(a * 3, b * 2)",
    "min(a, b) + max(a, 0.25)",
    "clip(a, -1, b)",
    "where(a > b, a, b)",
    "(a < b) + (a <= b) + (a >= b) + (a == b) + (a != b)",
    "a > -1 and not b > 1 or a",
    "-1 < a < 1",
    "missing(a) + 0",
    "where(finite(1 / b), 1 / b, -7)",
    "min_over(others, abs(others.x - a))",
    "count(others) + a",
]


class Direct:
    """Columns of five tokens; three others, of which two are real."""

    def column(self, column):
        return VALUES[column.name]

    def missing(self, column):
        return MISSING[column.name]

    def over(self, level):
        assert level == "others"
        return Pairs(), REAL.sum()


class Pairs(Direct):
    def column(self, column):
        return OTHERS[REAL][None] if column.owner else VALUES[column.name][:, None]


class Tensors:
    def __init__(self, nodes):
        self.nodes = nodes

    def column(self, column):
        return self.nodes.constant(VALUES[column.name])

    def missing(self, column):
        return self.nodes.constant(MISSING[column.name], np.bool_)

    def over(self, level):
        assert level == "others"
        return TensorPairs(self.nodes), self.nodes.constant(REAL[None], np.bool_)


class TensorPairs(Tensors):
    def column(self, column):
        return self.nodes.constant(OTHERS[None] if column.owner else VALUES[column.name][:, None])


@pytest.mark.parametrize("text", FORMULAS)
def test_nodes_compute_what_numpy_does(text):
    expression = parse(text, "here")
    nodes = Nodes()
    result = Formulas(nodes, Tensors(nodes)).number(expression)
    nodes.nodes.append(helper.make_node("Identity", [result], ["y"]))
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes.nodes, "formula", [], [output], nodes.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    (found,) = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {})
    expected = np.broadcast_to(np.asarray(evaluate(expression, Direct()), np.float32), 5)
    assert np.allclose(np.broadcast_to(found, 5), expected, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_every_function_is_tested():
    tested = {part.name for text in FORMULAS for part in _calls(parse(text, "here"))}
    assert set(FUNCTIONS) | set(NUMPY) == tested


def _calls(expression):
    if isinstance(expression, Call):
        yield expression
        for argument in expression.arguments:
            yield from _calls(argument)


def test_definitions_are_put_in_and_columns_found():
    energy = parse("sqrt(pt ** 2 + mass ** 2)", "here")
    expression = parse("log(energy / jet.pt)", "here", {"energy": energy})
    assert set(columns(expression)) == {Column("", "pt"), Column("", "mass"), Column("jet", "pt")}
    assert parse("1.5", "here") == Number(1.5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("__import__('os').system('ls')", "not part of the language"),
        ("'text'", "not part of the language"),
        ("[1, 2]", "not part of the language"),
        ("(lambda: 1)()", "not part of the language"),
        ("a.b.c", "not part of the language"),
        ("a if b else 1", "not part of the language"),
        ("x := 1", "invalid syntax"),
        ("log(", "invalid syntax"),
        ("lgo(a)", "did you mean 'log'"),
        ("log(a, b)", "takes 1 arguments, not 2"),
        ("clip(a, low=1)", "not part of the language"),
        ("min_over(a + 1, b)", "must be the name of a list"),
        ("missing(a + 1)", "takes the name of a column"),
        ("1e999", "not finite"),
        ("(" * 60 + "a" + ")" * 60 + "+1" * 100, "nested"),
        ("a" * 1001, "more than 1000 characters"),
        ("-" * 90 + "a", "nested"),
    ],
)
def test_refuses_all_else(text, reason):
    with pytest.raises(RecipeError, match=r"somewhere: .*") as error:
        parse(text, "somewhere")
    assert reason in str(error.value)


def test_the_size_is_bounded_with_definitions():
    known = {"d": parse("a", "here")}
    for _ in range(9):
        known["d"] = parse("d + d", "here", known)
    with pytest.raises(RecipeError, match="more than 2000 operations"):
        parse("d + d", "here", known)
