"""Delphes: jets that refer to their tracks, towers and candidates with ``TRefArray``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from awkward.contents import ListOffsetArray, NumpyArray
from awkward.index import Index64
from coffea.nanoevents import schemas
from coffea.nanoevents.methods import delphes
from coffea.nanoevents.util import concat

from coffea_fm.schemas.columns import (
    both,
    canonical_pdg_id,
    concatenated,
    differs,
    finite,
    non_negative,
    operation,
    optional,
    positive,
)
from coffea_fm.schemas.gather import add_field, fields_of, gather
from coffea_fm.schemas.jets import Constituents
from coffea_fm.schemas.kinematics import constant, invariant_mass, pseudorapidity_of_cotangent
from coffea_fm.schemas.links import links_by_id, offsets_of
from coffea_fm.schemas.packed import pack_nested_lists
from coffea_fm.schemas.primary_vertex import difference, primary_z
from coffea_fm.schemas.registry import PREFIX, Array, Form, Stack, flat, indices, register

_ENERGY_FLOW = ("EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron")
_CANDIDATES = ("ParticleFlowCandidate",)
_IDENTITY = {"EFlowPhoton": 22.0, "EFlowNeutralHadron": 130.0}
_OPTIONAL = ("d0", "d0_error", "dz", "dz_error")


class JetArray(Constituents, delphes.JetArray):  # type: ignore[misc]
    """Jets with their constituents."""


class JetRecord(Constituents, delphes.JetRecord):  # type: ignore[misc]
    """A jet with its constituents."""


class DelphesSchema(schemas.DelphesSchema):  # type: ignore[misc]
    """coffea's Delphes schema, with ``constituents`` as a field of jets.

    Constituents are the objects in the jet's ``Constituents``, with canonical fields (GeV, mm) and the fields shared by
    all their collections. Objects with zero transverse momentum (removed by PUPPI) are left out. Charged particles have
    ``d0`` and ``dz``; ``dz`` is relative to the vertex with the largest ``SumPT2`` if the file has vertices. Errors of 0,
    from detector cards without smearing, are treated as missing. Constituents of calorimeter jets and of generated
    jets have no impact parameters. Those of calorimeter jets have no charge or identity either, because a tower merges
    particles of all kinds. ``msoftdrop`` is the mass of the stored soft-drop jet.

    Attributes
    ----------
    constituent_collections : mapping of str to tuple of str
        For each jet collection, the collections that its references point to; empty if they are not in the file. For
        other collections: ``Gen...`` refers to ``Particle``, ``Track...`` to ``Track``, ``Calo...`` to ``Tower``, others
        to the energy-flow collections, and to ``ParticleFlowCandidate`` if their name contains ``PUPPI`` or if the file
        has neither energy-flow collections nor such jets.

    Notes
    -----
    References without a match in their event raise an :class:`~coffea_fm.errors.InputError` that names the
    collection, when the constituents are read (with ``mode="eager"``: when the file is opened).
    """

    constituent_collections: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    mixins: dict[str, str]

    def __init__(self, base_form: Form, version: str = "latest", *args: Any, **kwargs: Any) -> None:
        base_form = pack_nested_lists(_without_status_bits(base_form))
        branches = set(base_form["fields"])
        names = {branch.split("/")[0] for branch in branches}
        jets = {name for name in names if {f"{name}/{name}.{field}" for field in ("PT", "Constituents")} <= branches}
        self.mixins = {**self.mixins, **dict.fromkeys(sorted(jets), "Jet")}
        self._jets = sorted(jets)
        super().__init__(base_form, version, *args, **kwargs)

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Behaviours of the records that this schema makes."""
        return {**delphes.behavior, ("*", "Jet"): JetArray, "Jet": JetRecord}

    def _build_collections(self, branch_forms: dict[str, Form]) -> dict[str, Form]:
        output: dict[str, Form] = super()._build_collections(branch_forms)
        canonical: dict[str, dict[str, Form]] = {}
        for name in self._jets:
            targets = self._targets(name, output)
            for target in targets:
                canonical.setdefault(target, _canonical(target, output))
            _add_softdrop_mass(output[name])
            if targets:
                sources = [(offsets_of(output[target]), canonical[target]) for target in targets]
                add_field(output[name], "constituents", _constituents(name, output[name], sources))
        return output

    def _targets(self, name: str, collections: Mapping[str, Form]) -> tuple[str, ...]:
        puppi = "PUPPI" in name.upper()
        if name in self.constituent_collections:
            targets = self.constituent_collections[name]
        elif name.startswith("Gen"):
            targets = ("Particle",)
        elif name.startswith("Track"):
            targets = ("Track",)
        elif name.startswith("Calo"):
            targets = ("Tower",)
        elif all(target in collections for target in _ENERGY_FLOW) and not (puppi and _CANDIDATES[0] in collections):
            targets = _ENERGY_FLOW
        else:
            targets = _CANDIDATES if puppi or not any("PUPPI" in jets.upper() for jets in self._jets) else ()
        return targets if all(target in collections for target in targets) else ()


def _without_status_bits(base_form: Form) -> Form:
    """Remove ROOT's ``fBits``, which uproot cannot read for referenced objects."""
    branches = zip(base_form["fields"], base_form["contents"], strict=True)
    kept = {name: form for name, form in branches if not name.endswith(".fBits")}
    return {**base_form, "fields": list(kept), "contents": list(kept.values())}


def _canonical(name: str, collections: dict[str, Form]) -> dict[str, Form]:
    """Canonical leaves of one collection (whether an optional one is known: ``<name>?``) and its own leaves."""
    fields = fields_of(collections[name])
    own = {field: form for field, form in fields.items() if form["class"] == "NumpyArray" and field != "E"}
    pt = own.get("PT", own.get("ET"))
    assert pt is not None
    canonical = {"pt": pt, "eta": own["Eta"], "phi": own["Phi"]}
    if "Charge" in own:
        charge = own["Charge"]
        canonical |= {"charge": charge, "pdgId": canonical_pdg_id(own["PID"], charge)}
        canonical["mass"] = non_negative(own["Mass"])
    else:
        canonical["mass"] = constant(pt, 0.0)
        if name in _IDENTITY:
            canonical |= {"charge": constant(pt, 0.0), "pdgId": constant(pt, _IDENTITY[name])}
    if name in _CANDIDATES:  # their Eta is that at the calorimeter
        canonical["eta"] = pseudorapidity_of_cotangent(own["CtgTheta"])
    if "ErrorD0" in own:
        charged = differs(own["Charge"], 0.0)
        canonical |= {"d0": own["D0"], "d0?": charged, "dz": own["DZ"], "dz?": charged}
        vertices = collections.get("Vertex")
        if vertices is not None:
            vertex = fields_of(vertices)
            primary = primary_z(vertices, vertex["Z"], vertex["SumPT2"], offsets_of(collections[name]))
            canonical |= {"dz": difference(own["DZ"], primary), "dz?": both(charged, finite(primary))}
        for field, error in (("d0_error", "ErrorD0"), ("dz_error", "ErrorDZ")):
            canonical |= {field: own[error], f"{field}?": both(charged, positive(own[error]))}
    elif name in _IDENTITY:
        for field in _OPTIONAL:
            canonical |= {field: constant(pt, 0.0), f"{field}?": positive(constant(pt, 0.0))}
    return {**{field: form for field, form in own.items() if field not in canonical}, **canonical}


def _constituents(name: str, jets: Form, sources: list[tuple[str, dict[str, Form]]]) -> Form:
    references = fields_of(fields_of(jets)["Constituents"])["refs"]
    first = sources[0][1]
    shared = [field for field in first if all(field in canonical for _, canonical in sources)]
    columns = {field: concatenated(*(canonical[field] for _, canonical in sources)) for field in shared}
    links = links_by_id(
        offsets_of(jets),
        offsets_of(references),
        reference_number(references["content"]),
        [(offsets, reference_number(canonical["fUniqueID"])) for offsets, canonical in sources],
        f"{name}.Constituents",
    )
    fields = {
        field: optional(column, columns[f"{field}?"]) if field in _OPTIONAL else column
        for field, column in columns.items()
        if not field.endswith("?")
    }
    return gather(_links_where(links, positive(columns["pt"])), "PtEtaPhiMLorentzVector", fields)


def _add_softdrop_mass(jets: Form) -> None:
    jet = fields_of(jets).get("SoftDroppedJet")
    if jet is not None:
        axes = fields_of(jet)
        mass = invariant_mass(*(axes[axis] for axis in "xyzt"))
        add_field(jets, "msoftdrop", optional(mass, positive(axes["t"])))


def _links_where(links: Form, kept: Form) -> Form:
    """The links to targets that are kept."""
    key = concat(links["form_key"], kept["form_key"], f"!{PREFIX}kept_links")
    return {**links, "content": {**links["content"], "form_key": concat(key, "!content")}, "form_key": key}


@register
def kept_links(stack: Stack) -> None:
    """Drop links to targets that are not kept: ``links, kept, !fm_kept_links``."""
    kept = flat(stack.pop())
    links = stack.pop()
    offsets, target = indices(links.offsets), indices(links.content)
    chosen = kept[target] != 0
    total = np.concatenate([[0], np.cumsum(chosen)])
    stack.append(ListOffsetArray(Index64(total[offsets]), NumpyArray(target[chosen])))


@operation("int64")
def reference_number(identifier: Array) -> Array:
    """Number of an object in its event: ROOT keeps the process that wrote it in the upper bits."""
    return identifier.astype(np.int64) & 0xFFFFFF
