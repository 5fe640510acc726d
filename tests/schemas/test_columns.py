"""Schemas: columns computed from columns."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import transforms
from coffea.nanoevents.util import unquote

from coffea_fm.schemas import columns
from coffea_fm.schemas.gather import gather
from coffea_fm.schemas.links import links_from_nested
from coffea_fm.schemas.registry import register


def run(form, **inputs):
    """Evaluate a leaf's program as coffea does, with `inputs` in place of branches."""
    stack = []
    for node in unquote(form["form_key"]).split(","):
        if node.startswith("!"):
            getattr(transforms, node[1:])(stack)
        else:
            stack.append(inputs.get(node, node))
    (result,) = stack
    assert result.dtype == form["primitive"]
    return result


def column(name, primitive="float32"):
    return columns.leaf(primitive, name)


def test_units_and_weights():
    d0, weight = np.array([0.5, -2.0], np.float32), np.array([0.0, 0.25], np.float32)
    assert run(columns.scaled(column("d0"), 10.0), d0=d0).tolist() == [5.0, -20.0]
    assert run(columns.product(column("d0"), column("w")), d0=d0, w=weight).tolist() == [0.0, -0.5]
    assert run(columns.uncorrected(column("d0"), column("w")), d0=d0, w=weight).tolist() == [0.5, -1.5]
    assert run(columns.non_negative(column("d0")), d0=d0).tolist() == [0.5, 0.0]


def test_operations_nest():
    known = columns.both(columns.positive(column("a")), columns.differs(column("b"), -1.0))
    a = np.array([1.0, np.nan, np.inf, -1.0, 0.0, 2.0], np.float32)
    b = np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0], np.float32)
    assert run(known, a=a, b=b).tolist() == [1, 0, 0, 0, 0, 0]
    assert run(columns.finite(column("a")), a=a).tolist() == [1, 0, 0, 1, 1, 1]


def test_awkward_operands_are_read_flat():
    values = ak.contents.NumpyArray(np.array([1.0, 2.0], np.float32))
    assert run(columns.scaled(column("x"), 2.0), x=values).tolist() == [2.0, 4.0]
    assert run(columns.scaled(column("x"), 2.0), x=ak.Array(values)).tolist() == [2.0, 4.0]


def test_identities():
    stored = np.array([211, -211, 321, -321, 2212, 130, 22, 11, -11, 13, -13, 1, 2, 0, 2112], np.int32)
    charge = run(columns.charge_of_pdg_id(column("pdgId")), pdgId=stored)
    assert charge.tolist() == [1, -1, 1, -1, 1, 0, 0, -1, 1, -1, 1, 0, 0, 0, 0]
    canonical = run(columns.canonical_pdg_id(column("pdgId"), column("charge")), pdgId=stored, charge=charge)
    assert canonical.tolist() == [211, -211, 211, -211, 211, 130, 22, 11, -11, 13, -13, 130, 22, 130, 130]


def test_references_into_one_container_of_several():
    index, key = np.array([0, 3, 5]), np.array([7, 2949603857, 7], np.uint32)
    form = columns.where_equal(column("index"), column("key"), 2949603857.0)
    assert run(form, index=index, key=key).tolist() == [-1, 3, -1]


def test_local_index():
    assert run(columns.local_index(column("offsets")), offsets=np.array([0, 2, 2, 5])).tolist() == [0, 1, 0, 1, 2]


def test_concatenated():
    form = columns.concatenated(column("a"), column("b"), column("c"))
    parts = {name: np.full(n, n, np.float32) for name, n in (("a", 1), ("b", 0), ("c", 2))}
    assert run(form, **parts).tolist() == [1.0, 2.0, 2.0]


def test_wrong_use_is_an_error():
    with pytest.raises(TypeError, match="product takes 2 columns"):
        columns.product(column("a"))
    missing = columns.optional(column("a"), columns.finite(column("a")))
    with pytest.raises(TypeError, match="apply operations before optional"):
        columns.scaled(missing, 2.0)
    jagged = {"class": "ListOffsetArray", "form_key": "a", "content": column("a")}
    links = links_from_nested("o", "r", column("i"), "t", "Jet")
    with pytest.raises(TypeError, match="cannot be gathered"):
        gather(links, "PFCand", {"a": jagged})


def test_a_step_has_one_meaning():
    def scaled(stack):
        raise AssertionError(stack)

    with pytest.raises(RuntimeError, match=r"scaled of .* exists in coffea_fm.schemas.columns already"):
        register(scaled)
