from __future__ import annotations

import pytest

from coffea_fm.classes import FINE_CLASSES, JET_CLASSES
from coffea_fm.plots.names import discriminant_formula, display_name, tex_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Hbb", "H → bb"),
        ("Tbqq", "t → bqq"),
        ("H4q_1c_3prong", "H → 4q (1c, 3prong)"),
        ("QCD", "QCD"),
        ("Height", "Height"),
        ("light", "light"),
    ],
)
def test_names_as_a_physicist_writes_them(name, shown):
    assert display_name(name) == shown


def test_every_class_has_a_name_of_its_own_that_matplotlib_can_draw():
    names = [*JET_CLASSES, *FINE_CLASSES]
    assert len({display_name(name) for name in names}) == len(set(names))
    assert all(tex_name(name).isascii() for name in names)


def test_the_formula_of_a_discriminant():
    assert discriminant_formula("Hbb", "QCD") == r"p(H$\to$bb) / (p(H$\to$bb) + p(QCD))"
