"""CMS NanoAOD and PFNano: coffea's schemas, with jets that hold their constituents and secondary vertices.

======================  ==================================  =====================================================
jets                    link branches                       momentum of a constituent
======================  ==================================  =====================================================
PFNano ``FatJet``       ``FatJetPFCands_{jetIdx,...}``      times ``puppiWeight``: the sum closes on the
                                                            uncorrected jet
PFNano ``Jet``          ``JetPFCands_{jetIdx,...}``         as stored (jets of charged-hadron subtraction)
NanoAOD v15 ``FatJet``  ``FatJetPFCand_{jetIdx,...}``       as stored (already weighted)
NanoAOD v15 ``Jet``     ``JetPFCand_{jetIdx,...}``          as stored (already weighted)
generated jets          ``GenJetCands_...`` and the like    as stored
======================  ==================================  =====================================================

PFNano of Run 3 may also cluster ``Jet`` with PUPPI. If the file says so, opening it warns, and a subclass with
other ``constituent_links`` applies the weight.

Jets get ``uncorrected``, the four-momentum before jet energy corrections, which matches the sum of the constituents.
Columns of these tables that describe a candidate or vertex as part of its jet, such as ``btagEtaRel``, are fields of the
tokens under their stored names, except where a token has a field of that name.

Vertices come from PFNano's tables (``FatJetSVs``, ``JetSVs``). Associated vertices that the file did not keep are left
out. ``associated_vertices`` are all rows of these tables under the stored names and in the stored units, for models that
need every vertex: ``eta`` and ``phi`` are missing where the vertex was not kept. NanoAOD's ``Jet_svIdx1`` is not used: in v15 it indexes the vertices before the selection of the stored ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from coffea.nanoevents import schemas

from coffea_fm.errors import warn
from coffea_fm.schemas.cms_jets import BEHAVIOR
from coffea_fm.schemas.cms_tokens import candidate_fields, pair_fields, vertex_fields
from coffea_fm.schemas.columns import charge_of_pdg_id, leaf, local_index, uncorrected
from coffea_fm.schemas.gather import add_field, fields_of, gather, gather_rows, record
from coffea_fm.schemas.links import (
    all_rows_of_table,
    links_from_table,
    offsets_of,
    rows_of_table,
    targets_of_rows,
)
from coffea_fm.schemas.registry import Form

VECTOR = "PtEtaPhiMLorentzVector"
FOUR_MOMENTUM = ("pt", "eta", "phi", "mass")


@dataclass(frozen=True)
class Link:
    """A table that links jets to candidates or vertices.

    Parameters
    ----------
    jets, table, targets : str
        Collections: the jets, the pairs, and what the pairs point to.
    target_index : str
        Branch of the table with the position in `targets`; the position in `jets` is ``jetIdx``.
    weight : str, optional
        Branch of `targets` that multiplies the momenta.
    """

    jets: str
    table: str
    targets: str
    target_index: str
    weight: str | None = None


CONSTITUENTS = (
    Link("FatJet", "FatJetPFCands", "PFCands", "pFCandsIdx", weight="puppiWeight"),
    Link("Jet", "JetPFCands", "PFCands", "pFCandsIdx"),
    Link("FatJet", "FatJetPFCand", "PFCand", "pfCandIdx"),
    Link("Jet", "JetPFCand", "PFCand", "pfCandIdx"),
    Link("GenJetAK8", "GenFatJetCands", "GenCands", "pFCandsIdx"),
    Link("GenJet", "GenJetCands", "GenCands", "pFCandsIdx"),
)
VERTICES = (
    Link("FatJet", "FatJetSVs", "SV", "sVIdx"),
    Link("Jet", "JetSVs", "SV", "sVIdx"),
)

REFERENCES: dict[str, str] = schemas.PFNanoAODSchema.all_cross_references
"""Branches with a position in another collection, and that collection."""


class _LinkedJets(schemas.NanoAODSchema):  # type: ignore[misc]
    """Additions to coffea's schemas, shared by the schemas below."""

    constituent_links: ClassVar[tuple[Link, ...]] = CONSTITUENTS
    full_like_items: dict[str, Any]
    alias_items: dict[str, str]

    warn_missing_crossrefs = False

    def __init__(self, base_form: Form, version: str = "latest") -> None:
        # if a file has a branch of that name, as skims do, coffea would replace it with a warning
        present = set(base_form["fields"])
        self.full_like_items = {name: item for name, item in self.full_like_items.items() if name not in present}
        self.alias_items = {name: item for name, item in self.alias_items.items() if name not in present}
        super().__init__(base_form, version)

    def _build_collections(self, field_names: list[str], input_contents: list[Form]) -> tuple[list[str], list[Form]]:
        names, forms = super()._build_collections(field_names, input_contents)
        collections = dict(zip(names, forms, strict=True))
        _derive_charge(collections)
        _add_stored_index(collections)
        for link in self.constituent_links:
            _warn_of_weight(collections, link)
            _add_tokens(collections, link, "constituents")
        for link in VERTICES:
            _add_tokens(collections, link, "vertices")
            _add_associated(collections, link)
        for jets in ("Jet", "FatJet"):
            _add_uncorrected(collections, jets)
        return list(collections), list(collections.values())

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Behaviours of the records."""
        return BEHAVIOR


class NanoAODSchema(_LinkedJets, schemas.NanoAODSchema):  # type: ignore[misc]
    """CMS NanoAOD: coffea's schema, with ``FatJet.constituents`` where the file links candidates (v15)."""

    mixins: ClassVar = {**schemas.NanoAODSchema.mixins, "PFCand": "PFCand"}


class PFNanoAODSchema(_LinkedJets, schemas.PFNanoAODSchema):  # type: ignore[misc]
    """CMS PFNano: coffea's schema, with ``constituents`` and ``vertices`` of ``Jet`` and ``FatJet``.

    ``jets.constituents`` are the candidates themselves, in canonical units. coffea has them at ``.constituents.pf``.
    """

    mixins: ClassVar = {**schemas.PFNanoAODSchema.mixins, "PFCand": "PFCand"}


def _is_table(form: Form | None) -> bool:
    return form is not None and form["class"].startswith("ListOffset") and form["content"]["class"] == "RecordArray"


def _derive_charge(collections: dict[str, Form]) -> None:
    candidates = collections.get("PFCand")
    if candidates is None or not _is_table(candidates):
        return
    fields = fields_of(candidates)
    if "charge" not in fields and "pdgId" in fields:
        add_field(candidates, "charge", charge_of_pdg_id(fields["pdgId"]))
    if not {*FOUR_MOMENTUM, "charge"} <= set(fields_of(candidates)):
        candidates["content"]["parameters"]["__record__"] = "NanoCollection"


def _add_stored_index(collections: dict[str, Form]) -> None:
    """Add the position in the event to every collection that is referred to, so that a skim can re-index references."""
    linked = {name for link in CONSTITUENTS + VERTICES for name in (link.jets, link.targets)}
    for name in linked | set(REFERENCES.values()):
        form = collections.get(name)
        if form is not None and _is_table(form):
            add_field(form, "stored_index", local_index(leaf("int64", offsets_of(form))))


def _add_tokens(collections: dict[str, Form], link: Link, name: str) -> None:
    jets, table, targets = (collections.get(part) for part in (link.jets, link.table, link.targets))
    if jets is None or table is None or targets is None or not all(map(_is_table, (jets, table, targets))):
        return
    pairs = fields_of(table)
    if "jetIdx" not in pairs or link.target_index not in pairs:
        return
    links = links_from_table(
        offsets_of(jets), offsets_of(table), pairs["jetIdx"], pairs[link.target_index], offsets_of(targets), link.table
    )
    stored = {field: form for field, form in fields_of(targets).items() if form["class"] == "NumpyArray"}
    if name == "constituents":
        fields = candidate_fields(stored, link.weight)
        record_name = "PFCand" if {*FOUR_MOMENTUM, "charge"} <= set(fields) else "NanoCollection"
    else:
        fields = vertex_fields(stored)
        record_name = "SecondaryVertex" if {*FOUR_MOMENTUM, "x", "y", "z"} <= set(fields) else "NanoCollection"
    rows = rows_of_table(
        offsets_of(jets), offsets_of(table), pairs["jetIdx"], pairs[link.target_index], f"rows of {link.table}"
    )
    of_links = pair_fields(pairs, {*stored, *fields})
    add_field(jets, name, gather(links, record_name, fields, rows, of_links))


def _add_associated(collections: dict[str, Form], link: Link) -> None:
    """Add all rows of a table of vertices, also those whose vertex was not kept, with the stored columns."""
    jets, table, targets = (collections.get(part) for part in (link.jets, link.table, link.targets))
    if jets is None or table is None or targets is None or not all(map(_is_table, (jets, table, targets))):
        return
    pairs, stored = fields_of(table), fields_of(targets)
    if not {"jetIdx", link.target_index} <= set(pairs) or not {"eta", "phi"} <= set(stored):
        return
    label = f"rows of {link.table}"
    rows = all_rows_of_table(offsets_of(jets), offsets_of(table), pairs["jetIdx"], label)
    kept = targets_of_rows(rows, offsets_of(table), pairs[link.target_index], offsets_of(targets), label)
    of_rows = {name: form for name, form in pairs.items() if not name.endswith(("Idx", "IdxG"))}
    direction = {name: stored[name] for name in ("eta", "phi")}
    add_field(jets, "associated_vertices", gather_rows(rows, "NanoCollection", of_rows, kept, direction))


def _warn_of_weight(collections: dict[str, Form], link: Link) -> None:
    jets, targets = collections.get(link.jets), collections.get(link.targets)
    if link.weight is not None or jets is None or targets is None or not (_is_table(jets) and _is_table(targets)):
        return
    title = str(jets["content"].get("parameters", {}).get("__doc__"))
    if "puppi" in title.lower() and "puppiWeight" in fields_of(targets) and link.table in collections:
        warn(
            f"according to the file, {link.jets} are clustered with PUPPI ({title}), but the momenta of their constituents are "
            f"not weighted by this schema: subclass it with a Link whose weight is 'puppiWeight' for {link.table}"
        )


def _add_uncorrected(collections: dict[str, Form], name: str) -> None:
    jets = collections.get(name)
    if jets is None or not _is_table(jets):
        return
    fields = fields_of(jets)
    if not {*FOUR_MOMENTUM, "rawFactor"} <= set(fields):
        return
    momentum = {part: fields[part] for part in FOUR_MOMENTUM}
    momentum |= {part: uncorrected(fields[part], fields["rawFactor"]) for part in ("pt", "mass")}
    add_field(jets, "uncorrected", record(VECTOR, momentum))
