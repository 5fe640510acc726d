"""The canonical raw fields: names, units and plausible ranges.

Every schema maps its branches to these names and units; every level of a model is a selection of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from coffea_fm.errors import RecipeError

Unit = Literal["GeV", "mm", "rad", "e", "ns", "1"]


@dataclass(frozen=True)
class Field:
    """A raw quantity of a token or of a jet.

    Parameters
    ----------
    name : str
        Canonical name, e.g. ``"pt"``.
    unit : {"GeV", "mm", "rad", "e", "ns", "1"}
        Unit of the stored number.
    missing : bool
        Whether tokens may have no value (such as the impact parameter of a photon). Missing values are stored in an
        explicit mask, never as a special number.
    plausible : tuple of float, optional
        Range of the *median*; outside it the unit is probably wrong.
    trained : tuple of float, optional
        Range seen in training; jets or events outside it are counted and cause a warning.
    """

    name: str
    unit: Unit
    missing: bool = False
    plausible: tuple[float, float] | None = None
    trained: tuple[float, float] | None = None


def _by_name(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


CONSTITUENT_FIELDS = _by_name(
    Field("pt", "GeV", plausible=(0.05, 300.0)),
    Field("eta", "1", plausible=(-6.0, 6.0)),
    Field("phi", "rad", plausible=(-3.2, 3.2)),
    Field("mass", "GeV", plausible=(0.0, 2.0)),
    Field("charge", "e", plausible=(-1.0, 1.0)),
    Field("pdgId", "1"),
    Field("d0", "mm", missing=True, plausible=(-5.0, 5.0)),
    Field("d0_error", "mm", missing=True, plausible=(1e-4, 2.0)),
    Field("dz", "mm", missing=True, plausible=(-10.0, 10.0)),
    Field("dz_error", "mm", missing=True, plausible=(1e-4, 5.0)),
    Field("weight", "1", plausible=(0.0, 1.0)),
)

VERTEX_FIELDS = _by_name(
    Field("pt", "GeV", plausible=(0.05, 2000.0)),
    Field("eta", "1", plausible=(-6.0, 6.0)),
    Field("phi", "rad", plausible=(-3.2, 3.2)),
    Field("mass", "GeV", plausible=(0.0, 20.0)),
    Field("n_tracks", "1"),
    Field("chi2", "1", missing=True),
    Field("d3d", "mm", missing=True),
    Field("d3d_significance", "1", missing=True),
)

JET_FIELDS = _by_name(
    Field("pt", "GeV", plausible=(1.0, 5000.0)),
    Field("eta", "1", plausible=(-6.0, 6.0)),
    Field("phi", "rad", plausible=(-3.2, 3.2)),
    Field("mass", "GeV", plausible=(0.0, 1000.0)),
    Field("msoftdrop", "GeV", plausible=(0.0, 1000.0)),
    Field("pt_raw", "GeV", plausible=(1.0, 5000.0)),
    Field("mass_raw", "GeV", plausible=(0.0, 1000.0)),
)
"""``pt_raw`` and ``mass_raw`` are before jet energy corrections, so that they equal the sum of the constituents."""

CATALOGUES = {"constituents": CONSTITUENT_FIELDS, "vertices": VERTEX_FIELDS}
"""Canonical fields of tokens, by the name of their level."""

_VECTOR = re.compile(r"(\w+)\[(\d+)\]")


def stored_fields(names: Iterable[str]) -> tuple[Field, ...]:
    """Fields of columns that others computed, such as scores, or the components of vectors.

    Parameters
    ----------
    names : iterable of str
        Names of columns: ``"NAME"`` for a number, ``"NAME[64]"`` for a vector of 64 numbers, which become the fields
        ``NAME[0]`` to ``NAME[63]``.

    Raises
    ------
    RecipeError
        If a name is given twice, or is that of a canonical field, or a vector has no components.
    """
    fields: dict[str, Field] = {}
    for given in names:
        name, dim = component(given)
        parts = [name] if dim is None else [f"{name}[{index}]" for index in range(dim)]
        if name in JET_FIELDS or not parts or set(parts) & set(fields):
            raise RecipeError(
                f"{given!r} cannot be a stored column: give each once, vectors with their length as in NAME[64], and "
                "canonical fields of jets where they belong"
            )
        fields |= {part: Field(part, "1") for part in parts}
    return tuple(fields.values())


def component(name: str) -> tuple[str, int | None]:
    """The column and the number in brackets, if there is one: ``"NAME[3]"`` is component 3 of ``NAME``."""
    found = _VECTOR.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, None)
