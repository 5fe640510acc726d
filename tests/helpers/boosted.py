"""Jets that are boosted along the beam and rotated about it, computed in double precision."""

from __future__ import annotations

import numpy as np

from coffea_fm.tokens import Level, Packed


def moved(packed: Packed, level: Level, rapidity: float, angle: float) -> Packed:
    """The jets with their constituents after a boost by this rapidity and a rotation by this angle."""
    values = packed.values.copy()
    _move(values, level.names, rapidity, angle)
    (name,) = packed.members
    members = packed.members[name]
    tokens = members.things.values.copy()
    _move(tokens, level.members[0].names, rapidity, angle)
    things = Packed(tokens, members.things.missing)
    return Packed(values, packed.missing, {name: type(members)(members.counts, things)})


def _move(values: np.ndarray, names: tuple[str, ...], rapidity: float, angle: float) -> None:
    column = {name.removesuffix("_raw"): index for index, name in enumerate(names)}
    pt, eta, phi, mass = (values[:, column[name]].astype(np.float64) for name in ("pt", "eta", "phi", "mass"))
    pz, transverse = pt * np.sinh(eta), np.hypot(pt, mass)
    values[:, column["eta"]] = np.arcsinh(transverse * np.sinh(np.arcsinh(pz / transverse) + rapidity) / pt)
    values[:, column["phi"]] = (phi + angle + np.pi) % (2 * np.pi) - np.pi
