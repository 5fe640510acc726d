"""JetClass layout: flat trees or parquet files of one jet per entry, ``part_*`` beside ``jet_*``."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents.methods import base, vector
from coffea.nanoevents.schemas import BaseSchema
from coffea.nanoevents.schemas.base import listarray_form

from coffea_fm.classes import JET_CLASSES
from coffea_fm.schemas.columns import leaf, operation, optional, positive
from coffea_fm.schemas.gather import record
from coffea_fm.schemas.jets import Constituents
from coffea_fm.schemas.kinematics import azimuth, invariant_mass, mass_of_energy, pseudorapidity, transverse_momentum
from coffea_fm.schemas.registry import PREFIX, Array, Form, Stack, flat, register

behavior: dict[Any, Any] = {**base.behavior, **vector.behavior}
behavior.update(ak._util.copy_behaviors("PtEtaPhiMLorentzVector", "Jet", behavior))

_MOMENTUM = ("px", "py", "pz", "energy")
_FLAGS = ("isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")


class JetArray(Constituents, vector.PtEtaPhiMLorentzVectorArray):  # type: ignore[misc]
    """Jets with their constituents."""


class JetRecord(Constituents, vector.PtEtaPhiMLorentzVectorRecord):  # type: ignore[misc]
    """A jet with its constituents."""


behavior["*", "Jet"], behavior["Jet"] = JetArray, JetRecord


class JetClassSchema(BaseSchema):  # type: ignore[misc]
    """View of a file in the layout of the JetClass dataset (arXiv:2202.03772), one jet per entry.

    ``events.Jet`` is a list of exactly one jet per entry, so that code for jets in events works unchanged.
    Its fields are ``pt``, ``eta``, ``phi``, ``mass`` (from ``jet_energy``), ``msoftdrop`` (``jet_sdmass``),
    ``nConstituents``, ``jet_energy`` as stored, the other ``jet_*`` without their prefix, the ``label_*`` flags, ``label`` (int, index into
    :data:`coffea_fm.classes.JET_CLASSES`, -1 where no flag is set), and ``constituents``. A file's own
    ``jet_label`` (188 classes in JetClass-II) keeps its whole name. All other branches stay fields of the events.

    Notes
    -----
    Constituents are computed from ``part_px``, ``part_py``, ``part_pz``, ``part_energy``, which are also available as
    stored, under these names. ``part_deta`` has its sign
    flipped for jets with negative pseudorapidity, and stays available with that meaning as ``deta``. Impact parameters
    (mm) are missing if their error is 0, as for all neutrals.
    """

    def __init__(self, base_form: Form, *args: Any, **kwargs: Any) -> None:
        super().__init__(base_form, *args, **kwargs)
        branches = dict(zip(self._form["fields"], self._form["contents"], strict=True))
        if all(f"jet_{name}" in branches for name in ("pt", "eta", "phi", "energy")):
            branches["Jet"] = _jets(branches)
        self._form["fields"], self._form["contents"] = list(branches), list(branches.values())

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Behaviours of the records that this schema makes."""
        return behavior


def _jets(branches: dict[str, Form]) -> Form:
    pt, eta, phi, energy = (branches[f"jet_{name}"] for name in ("pt", "eta", "phi", "energy"))
    fields = {"pt": pt, "eta": eta, "phi": phi, "mass": mass_of_energy(pt, eta, energy)}
    own = {
        "jet_sdmass": "msoftdrop",
        "jet_nparticles": "nConstituents",
        "jet_label": "jet_label",
        "jet_energy": "jet_energy",
    }
    for name in [name for name in branches if name.startswith(("jet_", "label_"))]:
        form = branches.pop(name)
        if form["class"] == "NumpyArray":
            fields[own.get(name, name.removeprefix("jet_"))] = form
    flags = [fields.get(f"label_{name}") for name in JET_CLASSES]
    if all(flags):
        keys = [flag["form_key"] for flag in flags if flag]
        fields["label"] = leaf("int32", *keys, str(len(keys)), f"!{PREFIX}label_of_flags")
    if all(f"part_{name}" in branches for name in _MOMENTUM):
        fields["constituents"] = _constituents(branches)
    jets = record("Jet", fields)
    jets["parameters"]["collection_name"] = "Jet"
    lists: Form = listarray_form(jets, leaf("int64", pt["form_key"], f"!{PREFIX}one_each"))
    return lists


def _constituents(branches: dict[str, Form]) -> Form:
    lists = branches["part_px"]
    part = {}
    for name in [name for name, form in branches.items() if name.startswith("part_") and "content" in form]:
        part[name.removeprefix("part_")] = branches.pop(name)["content"]
    px, py, pz, energy = (part.pop(name) for name in _MOMENTUM)
    fields = {
        "pt": transverse_momentum(px, py),
        "eta": pseudorapidity(px, py, pz),
        "phi": azimuth(px, py),
        "mass": invariant_mass(px, py, pz, energy),
    }
    if "charge" in part:
        fields["charge"] = part.pop("charge")
        if all(flag in part for flag in _FLAGS):
            fields["pdgId"] = pdg_id_of_flags(fields["charge"], *(part[flag] for flag in _FLAGS))
    for name in ("d0", "dz"):
        if f"{name}val" in part and f"{name}err" in part:
            value, error = part.pop(f"{name}val"), part.pop(f"{name}err")
            known = positive(error)
            fields |= {name: optional(value, known), f"{name}_error": optional(error, known)}
    # under other names, because a record of vectors has one set of coordinates only
    stored = dict(zip((f"part_{name}" for name in _MOMENTUM), (px, py, pz, energy), strict=True))
    constituents: Form = {**lists, "content": record("PtEtaPhiMLorentzVector", fields | part | stored)}
    return constituents


@register
def one_each(stack: Stack) -> None:
    """Offsets of lists of one element each: ``column of n, !fm_one_each``."""
    stack.append(np.arange(len(flat(stack.pop())) + 1, dtype=np.int64))


@register
def label_of_flags(stack: Stack) -> None:
    """Position of the flag that is set, -1 where none is: ``flag, ..., n, !fm_label_of_flags``."""
    count = int(stack.pop())
    flags = np.stack([flat(flag) != 0 for flag in stack[-count:]])
    del stack[-count:]
    stack.append(np.where(flags.any(axis=0), flags.argmax(axis=0), -1).astype(np.int32))


@operation("float32")
def pdg_id_of_flags(
    charge: Array, charged_hadron: Array, neutral_hadron: Array, photon: Array, electron: Array, muon: Array
) -> Array:
    """Particle identity in {±211, 130, 22, ±11, ±13} from one-hot flags; 0 where none is set."""
    flags = [charged_hadron != 0, neutral_hadron != 0, photon != 0, electron != 0, muon != 0]
    identity = [211 * charge, np.full_like(charge, 130), np.full_like(charge, 22), -11 * charge, -13 * charge]
    return np.select(flags, identity, 0)
