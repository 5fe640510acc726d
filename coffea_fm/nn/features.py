"""Raw fields to network inputs. The module is part of every exported graph: nobody retypes a constant."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.inputs import Inputs, only_group
from coffea_fm.nn.kinematics import HIGHEST, STEEPEST, Momenta, energy, log, rapidity, wrap
from coffea_fm.tokens.spec import InputSpec

FeatureKind = Literal["full", "jetclass", "kinematic"]

_CLIP = 5.0

_COLUMNS: dict[str, tuple[float, float]] = {
    "log_pt": (1.7, 0.7),
    "log_energy": (2.0, 0.7),
    "log_relative_pt": (-4.7, 0.7),
    "log_relative_energy": (-4.7, 0.7),
    "delta_r": (0.2, 4.0),
    "charge": (0.0, 1.0),
    "is_charged_hadron": (0.0, 1.0),
    "is_neutral_hadron": (0.0, 1.0),
    "is_photon": (0.0, 1.0),
    "is_electron": (0.0, 1.0),
    "is_muon": (0.0, 1.0),
    "tanh_d0": (0.0, 1.0),
    "d0_error": (0.0, 1.0),
    "tanh_dz": (0.0, 1.0),
    "dz_error": (0.0, 1.0),
    "delta_eta": (0.0, 1.0),
    "delta_phi": (0.0, 1.0),
    "d0_significance": (0.0, 0.7),
    "dz_significance": (0.0, 0.7),
    "log_d0_error": (-3.7, 1.0),
    "log_dz_error": (-3.3, 1.0),
    "has_track": (0.0, 1.0),
    "scaled_delta_eta": (0.0, 4.0),
    "scaled_delta_phi": (0.0, 4.0),
}
"""Name of each input column, with the offset taken off it and the factor applied after."""

_IDENTITY = ("charge", "is_charged_hadron", "is_neutral_hadron", "is_photon", "is_electron", "is_muon")
_KINEMATIC = ("log_pt", "log_relative_pt", "delta_r", "scaled_delta_eta", "scaled_delta_phi")

_KINDS: dict[str, tuple[str, ...]] = {
    "jetclass": (
        *("log_pt", "log_energy", "log_relative_pt", "log_relative_energy", "delta_r"),
        *_IDENTITY,
        *("tanh_d0", "d0_error", "tanh_dz", "dz_error", "delta_eta", "delta_phi"),
    ),
    "full": (
        *_KINEMATIC,
        *("log_energy", "log_relative_energy"),
        *_IDENTITY,
        *("tanh_d0", "log_d0_error", "d0_significance", "tanh_dz", "log_dz_error", "dz_significance", "has_track"),
    ),
    "kinematic": _KINEMATIC,
}

_TRACK_FIELDS = ("charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
_NEEDED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "jetclass": (("pt", "eta", "phi", "mass", *_TRACK_FIELDS), ("pt", "eta", "phi", "mass")),
    "full": (("pt", "eta", "phi", "mass", *_TRACK_FIELDS), ("pt", "eta", "phi", "mass")),
    "kinematic": (("pt", "eta", "phi"), ("pt", "eta", "phi")),
}
"""Fields of the tokens and of the jet that each kind reads."""


class FeatureOutput(NamedTuple):
    """Network inputs of a batch.

    Attributes
    ----------
    tokens : Tensor, float32 [sets, tokens, n_features]
        Of order one, clipped to ±5; 0 for padding.
    jet : Tensor, float32 [sets, n_jet_features]
        Of order one, clipped to ±5.
    momenta : Momenta, each [sets, tokens]
        For pair features; φ is relative to the jet.
    """

    tokens: Tensor
    jet: Tensor
    momenta: Momenta


class Features(nn.Module):
    """Turn raw fields into network inputs, in single precision whatever the network's.

    Parameters
    ----------
    spec : InputSpec
        The raw fields and their order.
    kind : {"full", "jetclass", "kinematic"}
        ``jetclass``: the 17 inputs of the Particle Transformer, to the letter. ``full``: the same information, with
        the *significances* of the impact parameters and logarithms of their errors. ``kinematic``: ``pt``, ``eta``,
        ``phi`` alone, which every format has.

    Raises
    ------
    RecipeError
        If the specification lacks a field that the kind reads.
    """

    offset: Tensor
    factor: Tensor

    def __init__(self, spec: InputSpec, kind: FeatureKind = "full") -> None:
        super().__init__()
        group = only_group(spec)
        for needed, given, what in zip(_NEEDED[kind], (group.names, spec.jet_names), ("token", "jet"), strict=True):
            lacking = [name for name in needed if name not in given]
            if lacking:
                raise RecipeError(
                    f"features {kind!r} need the {what} fields {', '.join(lacking)}; add them to the inputs"
                )
        self.kind = kind
        self.spec = spec
        self._columns = {name: index for index, name in enumerate(group.names)}
        self._missing_columns = {name: index for index, name in enumerate(group.missing_names)}
        self._jet_columns = {name: index for index, name in enumerate(spec.jet_names)}
        self._names = _KINDS[kind]
        scales = torch.tensor([_COLUMNS[name] for name in self._names])
        self.register_buffer("offset", scales[:, 0].clone(), persistent=False)
        self.register_buffer("factor", scales[:, 1].clone(), persistent=False)

    @property
    def n_features(self) -> int:
        """Number of input columns of a token."""
        return len(self._names)

    @property
    def n_jet_features(self) -> int:
        """Number of input columns of a jet."""
        return 1 if self.kind == "kinematic" else 2

    def forward(self, inputs: Inputs) -> FeatureOutput:
        """Compute the inputs of a batch."""
        with torch.autocast(inputs.tokens.device.type, enabled=False):
            tokens = inputs.tokens.masked_fill(~inputs.mask.unsqueeze(-1), 0.0)
            columns, momenta = self._kinematics(tokens, inputs.jet)
            if self.kind != "kinematic":
                columns |= self._identity(tokens) | self._tracks(tokens, inputs.missing)
            stacked = torch.stack([columns[name] for name in self._names], dim=-1)
            scaled = ((stacked - self.offset) * self.factor).clamp(-_CLIP, _CLIP)
            return FeatureOutput(
                scaled.masked_fill(~inputs.mask.unsqueeze(-1), 0.0), self._jet(inputs.jet).clamp(-_CLIP, _CLIP), momenta
            )

    def _kinematics(self, tokens: Tensor, jet: Tensor) -> tuple[dict[str, Tensor], Momenta]:
        pt = self._field(tokens, "pt").clamp(0.0, HIGHEST)
        eta = self._field(tokens, "eta").clamp(-STEEPEST, STEEPEST)
        mass = torch.zeros_like(pt) if self.kind == "kinematic" else self._field(tokens, "mass").clamp(0.0, HIGHEST)
        jet_eta = self._jet_field(jet, "eta").clamp(-STEEPEST, STEEPEST).unsqueeze(1)
        delta_eta = (eta - jet_eta) * torch.where(jet_eta < 0, -1.0, 1.0)
        delta_phi = wrap(self._field(tokens, "phi") - self._jet_field(jet, "phi").unsqueeze(1))
        log_pt = log(pt)
        columns = {
            "log_pt": log_pt,
            "log_relative_pt": log_pt - log(self._jet_field(jet, "pt")).unsqueeze(1),
            "delta_r": torch.sqrt(delta_eta.square() + delta_phi.square()),
            "delta_eta": delta_eta,
            "delta_phi": delta_phi,
            "scaled_delta_eta": delta_eta,
            "scaled_delta_phi": delta_phi,
        }
        if self.kind != "kinematic":
            log_energy = log(energy(pt, eta, mass))
            jet_pt, jet_mass = self._jet_field(jet, "pt"), self._jet_field(jet, "mass")
            jet_energy = energy(jet_pt.clamp(0.0, HIGHEST).unsqueeze(1), jet_eta, jet_mass.unsqueeze(1))
            columns |= {"log_energy": log_energy, "log_relative_energy": log_energy - log(jet_energy)}
        return columns, Momenta(pt, rapidity(pt, eta, mass), delta_phi, mass)

    def _identity(self, tokens: Tensor) -> dict[str, Tensor]:
        kind = self._field(tokens, "pdgId").abs()
        codes = {"charged_hadron": 211, "neutral_hadron": 130, "photon": 22, "electron": 11, "muon": 13}
        flags = {f"is_{name}": (kind == code).to(tokens.dtype) for name, code in codes.items()}
        return {"charge": self._field(tokens, "charge"), **flags}

    def _tracks(self, tokens: Tensor, missing: Tensor) -> dict[str, Tensor]:
        columns: dict[str, Tensor] = {}
        for name in ("d0", "dz"):
            error_name = f"{name}_error"
            present = ~(missing[..., self._missing_columns[name]] | missing[..., self._missing_columns[error_name]])
            value = self._field(tokens, name).masked_fill(missing[..., self._missing_columns[name]], 0.0)
            error = self._field(tokens, error_name).masked_fill(missing[..., self._missing_columns[error_name]], 0.0)
            significance = value.abs() / error.clamp(min=1e-4)
            signed = torch.sign(value) * torch.log1p(significance.clamp(max=HIGHEST))
            columns |= {
                f"tanh_{name}": torch.tanh(value),
                error_name: error.clamp(0.0, 1.0),
                f"{name}_significance": signed.masked_fill(~present, 0.0),
                f"log_{error_name}": torch.where(present, log(error), _COLUMNS[f"log_{error_name}"][0]),
            }
            columns["has_track"] = present.to(tokens.dtype)
        return columns

    def _jet(self, jet: Tensor) -> Tensor:
        columns = [log(self._jet_field(jet, "pt")) - 6.4]
        if self.kind != "kinematic":
            columns.append(log(self._jet_field(jet, "mass").clamp(min=1.0)) - 4.5)
        return torch.stack(columns, dim=-1)

    def _field(self, tokens: Tensor, name: str) -> Tensor:
        return tokens[..., self._columns[name]]

    def _jet_field(self, jet: Tensor, name: str) -> Tensor:
        return jet[..., self._jet_columns[name]]
