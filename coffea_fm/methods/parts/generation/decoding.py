"""From codes back to particles with momenta, types and impact parameters."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from coffea_fm.arrays import FloatArray
from coffea_fm.errors import RecipeError
from coffea_fm.kinematics import four_momenta
from coffea_fm.methods.parts.generation.sampling import Codes
from coffea_fm.methods.parts.targets.identity import KINDS
from coffea_fm.methods.parts.tokenizers.load import Tokenizer
from coffea_fm.methods.parts.views.base import sort_tokens
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.nn.inputs import Members as PaddedMembers
from coffea_fm.nn.kinematics import wrap
from coffea_fm.tokens import Level, Members, Packed, jet_level, token_level

JET = ("pt_raw", "eta", "phi", "mass_raw")
TYPE = ("charge", "pdgId")
TRACK = ("d0", "d0_error", "dz", "dz_error")
_MASSES = {211: 0.13957, 13: 0.10566, 11: 0.000511, 22: 0.0, 130: 0.0}
"""Of the types of particles, in GeV; a neutral hadron is an energy in the calorimeter, and massless."""


def generated_level(tokenizer: Tokenizer, longest: int, *, types: bool) -> Level:
    """What is known of the jets that are decoded: momenta, and types and impact parameters if they are in the codes.

    Raises
    ------
    RecipeError
        If the codes do not contain the momentum.
    """
    coded = {name.removeprefix("log_") for name in tokenizer.fields.names}
    absent = [name for name in ("pt", "eta", "phi") if name not in coded]
    if absent:
        raise RecipeError(f"no jets can be generated from codes without {', '.join(absent)}: add them to its fields")
    more = (*TYPE, *(name for name in TRACK if name in tokenizer.fields.names)) if types else ()
    group = token_level("constituents", ("pt", "eta", "phi", "mass", *more), minimum=1, maximum=longest)
    return jet_level((group,), JET)


def particles(tokenizer: Tokenizer, codes: Codes, axis: Tensor, *, types: bool) -> dict[str, Tensor]:
    """Raw fields of decoded particles by name, each float32 [jets, tokens].

    Without types, all particles are massless.

    Parameters
    ----------
    tokenizer : KMeansTokenizer or VQTokenizer
    codes : Codes
    axis : Tensor [jets, 2]
        Pseudorapidity and azimuth of the jet axes.
    types : bool
        Whether the codes have types.
    """
    numbers = tokenizer.fields.invert(tokenizer.decode(codes.codes, codes.mask))
    columns = dict(zip(tokenizer.fields.names, numbers.unbind(dim=-1), strict=True))
    if "log_pt" in columns:
        columns["pt"] = columns["log_pt"].exp()
    eta, phi = axis.unsqueeze(1).unbind(dim=-1)
    given: dict[str, Tensor] = {name: columns[name] for name in ("pt", *TRACK) if name in columns}
    given["eta"] = eta + columns["eta"] * torch.where(eta < 0, -1.0, 1.0)
    given["phi"] = wrap(phi + columns["phi"])
    given["mass"] = torch.zeros_like(given["pt"])
    if types:
        pdg = torch.tensor(KINDS, dtype=torch.float32)[codes.kinds]
        leptons = (pdg.abs() == 11) | (pdg.abs() == 13)
        neutral = (pdg == 22) | (pdg == 130)
        given["pdgId"], given["charge"] = pdg, torch.where(leptons, -1, 1) * torch.sign(pdg) * ~neutral
        given["mass"] = torch.tensor([_MASSES[abs(kind)] for kind in KINDS])[codes.kinds]
    return given


def require(level: Level, known: Iterable[str]) -> None:
    """Refuse to generate jets for a network that reads fields of particles which the codes do not give.

    Raises
    ------
    RecipeError
        The message has the lines that the recipe needs.
    """
    known, names = tuple(known), only_member(level).names
    absent = [name for name in names if name not in known]
    if not absent:
        return
    reads = (
        f"this network reads {', '.join(absent)} of each particle, which its codes do not contain: to generate jets,"
    )
    never = [name for name in absent if name not in (*TYPE, *TRACK)]
    if never:
        raise RecipeError(f"{reads} train it without {', '.join(never)} in inputs.fields")
    lines = [] if set(TYPE) <= set(known) else ["'id: 0.3'"]
    if not set(absent) <= set(TYPE):
        coded = ("pt", "eta", "phi", *(name for name in TRACK if name in names))
        lines.append(f"'fields: [{', '.join(coded)}]'")
    raise RecipeError(
        f"{reads} write {' and '.join(lines)} in the section method of its recipe (fields of a trained tokenizer in the "
        "recipe of that) and train again, or leave them out of inputs.fields"
    )


def as_inputs(jets: Inputs, level: Level, columns: dict[str, Tensor], mask: Tensor) -> Inputs:
    """Inputs of a network: the jets with particles of these fields. Neutral ones have no impact parameters."""
    group = only_member(level)
    values = torch.stack([columns[name] for name in group.names], dim=-1)
    neutral = columns["charge"] == 0 if "charge" in columns else torch.zeros_like(mask)
    missing = neutral.unsqueeze(-1).expand(-1, -1, len(group.missing_names))
    return jets._replace(members={group.name: PaddedMembers(values, mask, missing)})


def as_packed(columns: dict[str, Tensor], mask: Tensor, level: Level, missing: Tensor | None = None) -> Packed:
    """Jets of decoded particles, sorted by pT; the momentum of a jet is the sum of its constituents.

    What is missing of each particle, bool [jets, tokens, names], is by default what neutral ones do not have.
    """
    group = only_member(level)
    rows = {name: columns[name][mask].double().numpy() for name in group.names}
    values = np.stack([rows[name] for name in group.names], axis=1).astype(np.float32)
    absent = np.zeros((len(values), len(group.missing_names)), dtype=np.bool_)
    if group.missing_names:
        absent[:] = (rows["charge"] == 0)[:, np.newaxis] if missing is None else missing[mask].numpy()
        places = [group.names.index(name) for name in group.missing_names]
        values[:, places] = np.where(absent, 0.0, values[:, places])
    counts = mask.sum(dim=1).numpy()
    tokens = sort_tokens(Members(counts, Packed(values, absent)), group)
    jet = _sums(rows, mask)
    return Packed(jet, np.zeros((len(jet), 0), dtype=np.bool_), {group.name: tokens})


def _sums(rows: dict[str, np.ndarray], mask: Tensor) -> FloatArray:
    """pT, eta, phi and mass of each jet, float32 [jets, 4]."""
    jet = mask.nonzero()[:, 0].numpy()
    momenta = four_momenta(rows["pt"], rows["eta"], rows["phi"], rows["mass"])
    x, y, z, e = (np.bincount(jet, part, minlength=len(mask)) for part in momenta.T)
    pt = np.hypot(x, y)
    mass = np.sqrt(np.maximum(e**2 - z**2 - pt**2, 0.0))
    result: FloatArray = np.stack((pt, np.arcsinh(z / pt), np.arctan2(y, x), mass), axis=1).astype(np.float32)
    return result
