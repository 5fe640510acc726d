"""Convert CMS branches to canonical fields and units: particle-flow candidates and secondary vertices.

Sentinels of NanoAOD and PFNano: impact parameters and their errors are -1 if there is no track (all neutrals, and
two fifths of the charged candidates, whose track details are not stored); these values are missing. Lengths are stored
in cm. Masses of candidates can be negative due to rounding; these become 0. Particle identities 1 and 2 are hadronic
and electromagnetic deposits of the forward calorimeter, treated as neutral hadron and photon.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from coffea_fm.schemas.columns import (
    both,
    canonical_pdg_id,
    charge_of_pdg_id,
    differs,
    finite,
    non_negative,
    optional,
    positive,
    product,
    scaled,
)
from coffea_fm.schemas.registry import Form

MM_PER_CM = 10.0
SENTINEL = -1.0


def candidate_fields(stored: Mapping[str, Form], weight: str | None) -> dict[str, Form]:
    """Canonical fields of particle-flow candidates, and all other fields under their own names.

    Parameters
    ----------
    stored : mapping of str to leaf
        Branches of the candidates.
    weight : str or None
        Branch of the weight of the momentum, if the jets were clustered from weighted candidates but the stored
        momentum is unweighted.

    Returns
    -------
    dict of str to form
        ``pt mass`` GeV, ``d0 d0_error dz dz_error`` mm, ...: those in the file, or that can be computed from it.
    """
    renamed = {"d0Err", "dzErr", "puppiWeight"}
    fields = {name: form for name, form in stored.items() if name not in renamed}
    if "mass" in stored:
        fields["mass"] = non_negative(stored["mass"])
    if weight is not None and weight in stored:
        fields |= {name: product(fields[name], stored[weight]) for name in ("pt", "mass") if name in fields}
    if "pdgId" in stored:
        fields["charge"] = fields.get("charge", charge_of_pdg_id(stored["pdgId"]))
        fields["pdgId"] = canonical_pdg_id(stored["pdgId"], fields["charge"])
    for name in ("d0", "dz"):
        fields |= _impact_parameter(stored, name)
    if "puppiWeight" in stored:
        fields["weight"] = stored["puppiWeight"]
    return fields


def _impact_parameter(stored: Mapping[str, Form], name: str) -> dict[str, Form]:
    value, error = stored.get(name), stored.get(f"{name}Err")
    fields = {}
    if value is not None:
        known = differs(value, SENTINEL) if error is None else both(finite(value), positive(error))
        fields[name] = optional(scaled(value, MM_PER_CM), known)
    if error is not None:
        fields[f"{name}_error"] = optional(scaled(error, MM_PER_CM), positive(error))
    return fields


def vertex_fields(stored: Mapping[str, Form]) -> dict[str, Form]:
    """Canonical fields of secondary vertices, and all other fields under their own names.

    Parameters
    ----------
    stored : mapping of str to leaf
        Branches of the vertices. The stored ``chi2`` is per degree of freedom; the canonical one is not.

    Returns
    -------
    dict of str to form
        ``pt mass`` GeV, ``d3d x y z dxy`` mm, ``n_tracks``, ``chi2``, ``d3d_significance``, ...
    """
    renamed = {"dlen", "dlenSig", "ntracks", "chi2"}
    fields = {name: form for name, form in stored.items() if name not in renamed}
    fields |= {name: scaled(stored[name], MM_PER_CM) for name in ("x", "y", "z", "dxy") if name in stored}
    if "ntracks" in stored:
        fields["n_tracks"] = stored["ntracks"]
    if "chi2" in stored and "ndof" in stored:
        fields["chi2"] = optional(
            product(stored["chi2"], stored["ndof"]), both(finite(stored["chi2"]), finite(stored["ndof"]))
        )
    if "dlen" in stored:
        fields["d3d"] = optional(scaled(stored["dlen"], MM_PER_CM), finite(stored["dlen"]))
    if "dlenSig" in stored:
        fields["d3d_significance"] = optional(stored["dlenSig"], finite(stored["dlenSig"]))
    return fields


def pair_fields(stored: Mapping[str, Form], known: Container[str]) -> dict[str, Form]:
    """Fields that describe a candidate or vertex as part of a jet, from the table that links them.

    Parameters
    ----------
    stored : mapping of str to leaf
        Branches of the table.
    known : container of str
        Names to leave out.

    Returns
    -------
    dict of str to form
        Under their stored names, without indices; numbers that are not finite are missing.
    """
    return {
        name: optional(form, finite(form))
        for name, form in stored.items()
        if name not in known and not name.endswith(("Idx", "IdxG")) and form["class"] == "NumpyArray"
    }
