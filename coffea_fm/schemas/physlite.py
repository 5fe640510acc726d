"""ATLAS PHYSLITE: jets that refer to their ghost-associated tracks."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents import schemas
from coffea.nanoevents.methods import physlite

from coffea_fm.errors import InputError
from coffea_fm.schemas.columns import finite, leaf, operation, optional, positive, scaled
from coffea_fm.schemas.gather import add_field, fields_of, gather, record
from coffea_fm.schemas.jets import Constituents
from coffea_fm.schemas.kinematics import constant, pseudorapidity_of_angle
from coffea_fm.schemas.links import links_from_nested, offsets_of
from coffea_fm.schemas.packed import pack_nested_lists
from coffea_fm.schemas.primary_vertex import difference, equals, primary_z
from coffea_fm.schemas.registry import PREFIX, Array, Form, Stack, flat, indices, register

_TRACKS, _TRACKS_HASH = "InDetTrackParticles", 490246363.0
_VERTICES, _PRIMARY = "PrimaryVertices", 1.0
_GEV = 1e-3
_PION_MASS = 0.13957
_CONSTITUENT_SCALE = {"pt": _GEV, "eta": 1.0, "phi": 1.0, "m": _GEV}
_NOT_KEPT = {"p", "pt", "tau", "theta", "phi", "d0", "_eventindex"}

behavior: dict[Any, Any] = dict(physlite.behavior)
behavior.update(ak._util.copy_behaviors("Particle", "Jet", behavior))


class JetArray(Constituents, physlite.ParticleArray):  # type: ignore[misc]
    """Jets with their constituents."""


class JetRecord(Constituents, physlite.ParticleRecord):  # type: ignore[misc]
    """A jet with its constituents."""


behavior["*", "Jet"], behavior["Jet"] = JetArray, JetRecord


class PHYSLITESchema(schemas.PHYSLITESchema):  # type: ignore[misc]
    """coffea's PHYSLITE schema, with ``constituents`` as a field of jets.

    Constituents are the ghost-associated tracks in the file, with canonical fields in GeV and mm (the rest of the file
    stays in MeV): a pion mass, an identity from the charge only, ``d0``, and ``dz`` relative to the primary vertex
    (missing in events without one), with errors from the covariance. PHYSLITE thins its tracks: most links are null, and
    most jets have no constituents.

    ``uncorrected`` holds the jet's ``pt``, ``eta``, ``phi`` and ``mass`` at the constituent scale, in GeV.
    Large-R jets have no constituents, because the objects they refer to are not in the file.
    """

    def __init__(self, base_form: Form, *args: Any, **kwargs: Any) -> None:
        super().__init__(pack_nested_lists(base_form), *args, **kwargs)

    def _build_collections(self, branch_forms: dict[str, Form]) -> dict[str, Form]:
        collections: dict[str, Form] = super()._build_collections(branch_forms)
        tracks = collections.get(_TRACKS)
        for name, collection in collections.items():
            if not name.endswith("Jets") or "content" not in collection:
                continue
            fields = fields_of(collection)
            if {"pt", "eta", "phi", "m"} <= set(fields) and name != "TauJets":
                collection["content"]["parameters"]["__record__"] = "Jet"
                _add_uncorrected(collection, fields)
                if tracks is not None and "GhostTrack" in fields:
                    links = _links(name, collection, fields["GhostTrack"], tracks)
                    canonical = _canonical(tracks, collections.get(_VERTICES))
                    add_field(collection, "constituents", gather(links, "PtEtaPhiMLorentzVector", canonical))
        return collections

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Behaviours of the records that this schema makes."""
        return behavior


def _links(name: str, jets: Form, references: Form, tracks: Form) -> Form:
    link = fields_of(references)
    index = in_track_container(link["m_persIndex"], link["m_persKey"], _TRACKS_HASH)
    return links_from_nested(offsets_of(jets), offsets_of(references), index, offsets_of(tracks), f"{name}.GhostTrack")


def _add_uncorrected(jets: Form, fields: dict[str, Form]) -> None:
    stored = {name: fields.get(f"JetConstitScaleMomentum_{name}") for name in _CONSTITUENT_SCALE}
    momentum = {name: scaled(form, _CONSTITUENT_SCALE[name]) for name, form in stored.items() if form is not None}
    if len(momentum) == len(stored):
        momentum["mass"] = momentum.pop("m")
        add_field(jets, "uncorrected", record("PtEtaPhiMLorentzVector", momentum))


def _canonical(tracks: Form, vertices: Form | None) -> dict[str, Form]:
    track = fields_of(tracks)
    charge = sign(track["qOverP"])
    fields = {
        "pt": scaled(track["pt"], _GEV),
        "eta": pseudorapidity_of_angle(track["theta"]),
        "phi": track["phi"],
        "mass": constant(track["qOverP"], _PION_MASS),
        "charge": charge,
        "pdgId": scaled(charge, 211.0),
        "d0": track["d0"],
    }
    if vertices is not None and "vz" in track:
        vertex = fields_of(vertices)
        primary = primary_z(vertices, vertex["z"], equals(vertex["vertexType"], _PRIMARY), offsets_of(tracks))
        beam = difference(primary, track["vz"])
        fields["dz"] = optional(difference(track["z0"], beam), finite(primary))
    covariance = track.get("definingParametersCovMatrixDiag")
    if covariance is not None:
        for position, name in enumerate(("d0_error", "dz_error")):
            keys = (offsets_of(covariance), covariance["content"]["form_key"], str(position))
            error = leaf("float32", *keys, f"!{PREFIX}error_of_diagonal")
            if name.removesuffix("_error") in fields:
                fields[name] = optional(error, positive(error))
    own = {name: form for name, form in track.items() if form["class"] == "NumpyArray" and name not in _NOT_KEPT}
    return fields | own


@register
def error_of_diagonal(stack: Stack) -> None:
    """Square root of one element of each list (0 if it is shorter): ``offsets, values, position``."""
    position, values, offsets = int(stack.pop()), flat(stack.pop()), indices(stack.pop())
    has = np.diff(offsets) > position
    error = np.zeros(len(has), np.float32)
    error[has] = np.sqrt(values[offsets[:-1][has] + position])
    stack.append(error)


@operation("float32")
def sign(values: Array) -> Array:
    """-1, 0 or 1: the charge of a track from its curvature."""
    return np.sign(values)


@operation("int64")
def in_track_container(index: Array, key: Array, container: float) -> Array:
    """The positions of links into the track container, -1 for null links.

    Raises
    ------
    InputError
        If a link points into another container.
    """
    other = np.unique(key[(key != 0) & (key != container)])
    if len(other):
        raise InputError(
            f"GhostTrack links point into the container of hash {other[0]}, which is not {_TRACKS}: "
            "these jets' tracks are not in the file, use the small-R jets (Jets)"
        )
    return np.where(key == container, index.astype(np.int64), -1)
