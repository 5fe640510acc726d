"""Random jets with the raw columns that a model reads, to check an import on."""

from __future__ import annotations

from typing import Any

import numpy as np

from coffea_fm.arrays import FloatArray, IntArray
from coffea_fm.importers.weaver_onnx.levels import JET
from coffea_fm.kinematics import four_momenta
from coffea_fm.tokens import Members, Packed
from coffea_fm.tokens.fields import Field
from coffea_fm.tokens.levels import Level

_IDENTITIES = np.array([211, -211, 130, 22, 22, 11, -13], dtype=np.float32)
_WIDTH = 0.4
"""Spread of tokens about their jet, in pseudorapidity and azimuth."""


def random_jets(level: Level, counts: IntArray, rng: np.random.Generator) -> Packed:
    """Jets with these numbers of the first tokens, and a few of all others.

    Numbers are random, but of plausible size, so that no formula is at its bounds for all of them. A tenth of the values
    that may be missing are missing.
    """
    n = len(counts)
    jets = _columns(level, n, rng, np.zeros(n), np.zeros(n))
    members = {}
    for position, member in enumerate(level.members):
        lengths = counts if position == 0 else rng.integers(0, 8, n)
        if member.minimum:
            lengths = np.maximum(lengths, member.minimum)
        parents = np.repeat(np.arange(n), lengths)
        eta = _of(level, jets, "eta")[parents]
        phi = _of(level, jets, "phi")[parents]
        values = _columns(member, len(parents), rng, eta, phi)
        missing = rng.random((len(parents), len(member.missing_names))) < 0.1
        for index, name in enumerate(member.missing_names):
            values[missing[:, index], member.names.index(name)] = 0.0
        members[member.name] = Members(lengths.astype(np.int64), Packed(values, missing))
    return Packed(jets, np.zeros((n, len(level.missing_names)), dtype=np.bool_), members)


def _of(level: Level, values: FloatArray, name: str) -> Any:
    return values[:, level.names.index(name)] if name in level.names else np.zeros(len(values))


def _columns(level: Level, n: int, rng: np.random.Generator, eta: Any, phi: Any) -> FloatArray:
    """Columns of one level. Momenta and energies, under whatever names, belong to one four-momentum of each token."""
    known = _kinematics(n, rng) if level.name == JET else _kinematics_about(n, rng, eta, phi)
    values = np.empty((n, len(level.fields)), dtype=np.float32)
    for index, field in enumerate(level.fields):
        part = field.name.removesuffix("_raw").split("_")[-1].lower()
        values[:, index] = known[part] if part in known else _other(field, n, rng)
    return values


def _kinematics(n: int, rng: np.random.Generator) -> dict[str, Any]:
    pt, mass = rng.uniform(300, 900, n), rng.uniform(20, 180, n)
    return _momentum(pt, rng.uniform(-2, 2, n), rng.uniform(-np.pi, np.pi, n), mass) | {"msoftdrop": mass}


def _kinematics_about(n: int, rng: np.random.Generator, eta: Any, phi: Any) -> dict[str, Any]:
    azimuth = phi + rng.normal(0, _WIDTH, n)
    azimuth = np.remainder(azimuth + np.pi, 2 * np.pi) - np.pi
    return _momentum(0.5 + rng.exponential(10.0, n), eta + rng.normal(0, _WIDTH, n), azimuth, rng.exponential(0.3, n))


def _momentum(pt: Any, eta: Any, phi: Any, mass: Any) -> dict[str, Any]:
    px, py, pz, energy = four_momenta(pt, eta, phi, mass).T
    return {"pt": pt, "eta": eta, "phi": phi, "mass": mass, "px": px, "py": py, "pz": pz, "energy": energy, "e": energy}


def _other(field: Field, n: int, rng: np.random.Generator) -> Any:
    match field.name:
        case "charge":
            return rng.integers(-1, 2, n)
        case "pdgId":
            return rng.choice(_IDENTITIES, n)
        case "weight":
            return np.where(rng.random(n) < 0.2, 0.0, rng.uniform(0.02, 1.0, n))
    if field.unit == "1":
        return rng.integers(0, 6, n) + np.where(rng.random(n) < 0.5, rng.normal(0, 1, n), 0)
    return rng.exponential(0.3, n) + 0.01 if field.name.endswith("error") else rng.normal(0, 0.3, n)
