"""FCC and EDM4hep: jets that point to a range of reconstructed particles."""

from __future__ import annotations

import copy
from typing import Any, Literal

import awkward as ak
import numpy as np
from coffea.nanoevents.methods import fcc
from coffea.nanoevents.schemas.fcc import FCCSchema as _FCCSchema
from coffea.nanoevents.schemas.fcc import FCCSchema_edm4hep1 as _FCCSchemaEDM4hep1

from coffea_fm.errors import InputError
from coffea_fm.schemas.columns import both, leaf, operation, optional, positive
from coffea_fm.schemas.gather import fields_of, gather
from coffea_fm.schemas.jets import Constituents
from coffea_fm.schemas.kinematics import azimuth, invariant_mass, pseudorapidity, transverse_momentum
from coffea_fm.schemas.links import links_from_ranges, offsets_of
from coffea_fm.schemas.registry import PREFIX, Array, Form, Stack, indices, register
from coffea_fm.schemas.resolve import event_of

_PARTICLES, _TRACKS = "ReconstructedParticles", "EFlowTrack"
_MOMENTUM = ("momentum.x", "momentum.y", "momentum.z", "energy")
_D0_VARIANCE, _Z0_VARIANCE = 0.0, 9.0
"""Positions in the lower triangle of (d0, phi, omega, z0, tan lambda, time): the same without the time."""
_COVARIANCE_SIZES = (15, 21)
"""Numbers of a packed covariance matrix: without the time before EDM4hep 0.5, and with it."""
_READABLE = "/^(?!.*(PARAMETERS|_.*Map))/"
"""Branches that coffea can read: all but the parameters of a file, which come in other versions of podio's formats."""
_OLD_NAMES = {"particles": "#2", "tracks": "#1", "trackStates": "_1"}


class JetArray(Constituents, fcc.ReconstructedParticleArray):  # type: ignore[misc]
    """Jets with their constituents (files before EDM4hep 1)."""


class JetRecord(Constituents, fcc.ReconstructedParticleRecord):  # type: ignore[misc]
    """A jet with its constituents (files before EDM4hep 1)."""


class JetEDM4hep1Array(Constituents, fcc.ReconstructedParticle_edm4hep1Array):  # type: ignore[misc]
    """Jets with their constituents (files of EDM4hep 1)."""


class JetEDM4hep1Record(Constituents, fcc.ReconstructedParticle_edm4hep1Record):  # type: ignore[misc]
    """A jet with its constituents (files of EDM4hep 1)."""


class FCCSchema(_FCCSchema):  # type: ignore[misc]
    """coffea's FCC schema for files before EDM4hep 1, whose jets hold their ``constituents``.

    Collections with ``jet`` in their name have the fields ``pt``, ``eta``, ``phi`` (instead of ``px``, ``py``, ``pz``,
    which stay available as properties), ``mass`` and ``constituents``: the reconstructed particles of the jet, with
    canonical fields (GeV, mm). Their ``mass`` is that of the stored four-momentum, which the jet is the sum of;
    ``pdgId`` follows from charge, the stored mass hypothesis and ``type``. ``d0`` and ``d0_error`` are those of the
    particle's first track, missing for neutrals. ``Z0`` and ``Z0_error`` are measured from the origin: these files hold
    no primary vertex, and so there is no canonical ``dz``.
    """

    readable_branches = _READABLE

    def __init__(self, base_form: Form, version: str = "latest") -> None:
        branches = _branches(base_form)
        super().__init__(base_form, version)
        _add_constituents(self._form, branches)

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Behaviours of the records that this schema makes."""
        return _with_jets(super().behavior(), JetArray, JetRecord)


class FCCSchemaEDM4hep1(_FCCSchemaEDM4hep1):  # type: ignore[misc]
    """coffea's FCC schema for files of EDM4hep 1, whose jets hold their ``constituents`` (see :class:`FCCSchema`)."""

    def __init__(self, base_form: Form, *args: Any, **kwargs: Any) -> None:
        branches = _branches(base_form)
        super().__init__(base_form, *args, **kwargs)
        _add_constituents(self._form, branches)

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Behaviours of the records that this schema makes."""
        return _with_jets(super().behavior(), JetEDM4hep1Array, JetEDM4hep1Record)


class FCC:
    """Chooses the schema for a version of the format, as coffea's ``FCC`` does."""

    @staticmethod
    def get_schema(
        version: Literal["latest", "pre-edm4hep1", "edm4hep1"] = "latest",
    ) -> type[FCCSchema | FCCSchemaEDM4hep1]:
        """The schema for files before EDM4hep 1, or of EDM4hep 1 (``"latest"`` as well).

        Raises
        ------
        InputError
            For an unknown version.
        """
        if version == "pre-edm4hep1":
            return FCCSchema
        if version in ("latest", "edm4hep1"):
            return FCCSchemaEDM4hep1
        raise InputError(f"unknown FCC schema version {version!r}: choose latest, pre-edm4hep1 or edm4hep1")


def _branches(base_form: Form) -> dict[str, Form]:
    return dict(zip(base_form["fields"], copy.deepcopy(base_form["contents"]), strict=True))


def _with_jets(behavior: dict[Any, Any], array: type, record: type) -> dict[Any, Any]:
    operators = ak._util.copy_behaviors("ReconstructedParticle", "Jet", behavior)
    return {**behavior, **operators, ("*", "Jet"): array, "Jet": record}


def _add_constituents(form: Form, branches: dict[str, Form]) -> None:
    """Give every jet collection its momentum and constituents, in place."""
    collections = dict(zip(form["fields"], form["contents"], strict=True))
    particles = _members(branches, _PARTICLES)
    for name, collection in collections.items():
        jets = _members(branches, name)
        if "jet" not in name.lower() or not {*_MOMENTUM, "particles_begin", "particles_end"} <= set(jets):
            continue
        px, py, pz = (jets[component]["content"] for component in _MOMENTUM[:3])
        momentum = {"pt": transverse_momentum(px, py), "eta": pseudorapidity(px, py, pz), "phi": azimuth(px, py)}
        kept = {field: leaf for field, leaf in fields_of(collection).items() if field not in ("px", "py", "pz")}
        fields = momentum | kept
        relation = _relation(branches, name, "particles")
        if relation and set(_MOMENTUM) <= set(particles):
            links = links_from_ranges(
                offsets_of(jets["energy"]),
                jets["particles_begin"]["content"],
                jets["particles_end"]["content"],
                offsets_of(relation["index"]),
                in_one_collection(relation["index"]["content"], relation["collectionID"]["content"]),
                offsets_of(particles["energy"]),
                f"{name}.particles",
            )
            fields["constituents"] = gather(links, "PtEtaPhiMLorentzVector", _canonical(branches, particles))
        record = collection["content"]
        record["fields"], record["contents"] = list(fields), list(fields.values())
        record["parameters"]["__record__"] = "Jet"


def _members(branches: dict[str, Form], name: str) -> dict[str, Form]:
    """Leaf branches of a collection by member name."""
    prefix = f"{name}/{name}."
    return {branch.removeprefix(prefix): form for branch, form in branches.items() if branch.startswith(prefix)}


def _relation(branches: dict[str, Form], name: str, member: str) -> dict[str, Form]:
    """Leaf branches of a relation or vector member of a collection, in files of either version."""
    return _members(branches, f"_{name}_{member}") or _members(branches, f"{name}{_OLD_NAMES[member]}")


def _canonical(branches: dict[str, Form], particles: dict[str, Form]) -> dict[str, Form]:
    own = {name: form["content"] for name, form in particles.items() if form["content"]["class"] == "NumpyArray"}
    px, py, pz, energy = (own[component] for component in _MOMENTUM)
    fields = {
        "pt": transverse_momentum(px, py),
        "eta": pseudorapidity(px, py, pz),
        "phi": azimuth(px, py),
        "mass": invariant_mass(px, py, pz, energy),
    }
    if "charge" in own:
        identity = own.get("PDG", own.get("type"))
        fields |= {"charge": own["charge"]}
        if identity is not None and "mass" in own:
            fields["pdgId"] = pdg_id_of_hypothesis(own["charge"], own["mass"], identity)
    fields |= {name: own[name] for name in ("type", "PDG", "goodnessOfPID") if name in own}
    return fields | _impact_parameters(branches, particles)


def _impact_parameters(branches: dict[str, Form], particles: dict[str, Form]) -> dict[str, Form]:
    tracks, states = _members(branches, _TRACKS), _relation(branches, _TRACKS, "trackStates")
    relation = _relation(branches, _PARTICLES, "tracks")
    covariance = next((form for name, form in states.items() if name.startswith("covMatrix")), None)
    if not (relation and "tracks_begin" in particles and "trackStates_begin" in tracks and covariance):
        return {}
    track = _first(particles, "tracks", relation["index"], tracks["trackStates_begin"])
    state = through(track, _first(tracks, "trackStates", None, states["D0"]))
    variances, size = covariance["content"]["content"], covariance_size(covariance)
    fields = {}
    for name, value, position in (("d0", "D0", _D0_VARIANCE), ("Z0", "Z0", _Z0_VARIANCE)):
        number = looked_up(states[value]["content"], state)
        error = looked_up(standard_deviation(variances, size, position), state)
        fields[name] = optional(number, exists(state))
        fields[f"{name}_error"] = optional(error, both(exists(state), positive(error)))
    return fields


def covariance_size(covariance: Form) -> float:
    """How many numbers each packed covariance matrix of a track has.

    Raises
    ------
    InputError
        If that is no number for which the positions in it are known.
    """
    size = covariance["content"].get("size")
    if size not in _COVARIANCE_SIZES:
        raise InputError(
            f"the covariance matrices of {_TRACKS} have {size} numbers, and {' or '.join(map(str, _COVARIANCE_SIZES))} "
            "are known (EDM4hep 0.1 to 1): errors of impact parameters would be read from wrong places; leave these "
            "branches out, or open a file of a known version"
        )
    return float(size)


def _first(owners: dict[str, Form], member: str, index: Form | None, targets: Form) -> Form:
    """Position in the chunk of the first target of each owner, -1 where there is none."""
    begin, end = owners[f"{member}_begin"], owners[f"{member}_end"]
    keys = [offsets_of(begin), begin["content"]["form_key"], end["content"]["form_key"]]
    if index is not None:
        keys += [offsets_of(index), index["content"]["form_key"]]
    step = "first_target" if index is None else "first_linked_target"
    return leaf("int64", *keys, offsets_of(targets), f"!{PREFIX}{step}")


@register
def first_linked_target(stack: Stack) -> None:
    """First target of ranges of an index collection: ``offsets, begin, end, offsets, index, offsets of targets``."""
    target_offsets, index, index_offsets = (indices(stack.pop()) for _ in range(3))
    owner_offsets, begin, end = (indices(operand) for operand in stack[-3:])
    event = event_of(owner_offsets)
    chosen = end > begin
    first = np.full(len(begin), -1, np.int64)
    first[chosen] = target_offsets[event[chosen]] + index[index_offsets[event[chosen]] + begin[chosen]]
    stack[-3:] = [first]


@register
def first_target(stack: Stack) -> None:
    """First target of ranges of the targets themselves: ``offsets, begin, end, offsets of targets``."""
    target_offsets = indices(stack.pop())
    owner_offsets, begin, end = (indices(operand) for operand in stack[-3:])
    stack[-3:] = [np.where(end > begin, target_offsets[event_of(owner_offsets)] + begin, -1)]


@operation("int64")
def through(first: Array, second: Array) -> Array:
    """Positions by way of positions; -1 where either is."""
    return np.append(second, -1)[first]


@operation("int8")
def exists(position: Array) -> Array:
    """1 where a position is not -1."""
    return position >= 0


@operation("float32")
def looked_up(values: Array, position: Array) -> Array:
    """Values at positions; 0 where the position is -1."""
    return np.append(values, 0)[position]


@operation("float32")
def standard_deviation(covariance: Array, size: float, position: float) -> Array:
    """Square root of one element of each packed covariance matrix of `size` numbers."""
    return np.sqrt(np.maximum(covariance[int(position) :: int(size)], 0))


@operation("int64")
def in_one_collection(index: Array, collection: Array) -> Array:
    """The positions, after a check that they all refer to one collection."""
    found = np.unique(collection[index >= 0])
    if len(found) > 1:
        raise InputError(
            f"the jets' particles lie in several collections (identifiers {', '.join(map(str, found))}) and these links "
            f"are followed into {_PARTICLES} only: use jets clustered from one collection"
        )
    return index


@operation("float32")
def pdg_id_of_hypothesis(charge: Array, mass: Array, identity: Array) -> Array:
    """Particle identity in {±211, 130, 22, ±11, ±13} from charge, mass hypothesis (GeV) and stored type."""
    neutral = np.where((identity == 22) | ((identity == 0) & (mass < 0.3)), 22, 130)
    lepton = np.where(mass < 0.05, -11, np.where(mass < 0.12, -13, 211))
    return np.where(charge == 0, neutral, np.sign(charge) * lepton)
