"""Features of constituents: particle-flow candidates with charge, particle type and impact parameters."""

from __future__ import annotations

import torch
from torch import Tensor

from coffea_fm.nn.features.group import KINEMATIC, FeatureKind, GroupFeatures, Scales
from coffea_fm.nn.kinematics import HIGHEST, log
from coffea_fm.tokens import Level

_ENERGY: Scales = {"log_energy": (2.0, 0.7), "log_relative_energy": (-4.7, 0.7)}
_CODES = {"charged_hadron": 211, "neutral_hadron": 130, "photon": 22, "electron": 11, "muon": 13}
_IDENTITY: Scales = {"charge": (0.0, 1.0), **{f"is_{name}": (0.0, 1.0) for name in _CODES}}
_LOG_ERROR: Scales = {"log_d0_error": (-3.7, 1.0), "log_dz_error": (-3.3, 1.0)}

_JETCLASS: Scales = {
    "log_pt": KINEMATIC["log_pt"],
    "log_energy": _ENERGY["log_energy"],
    "log_relative_pt": KINEMATIC["log_relative_pt"],
    "log_relative_energy": _ENERGY["log_relative_energy"],
    "delta_r": KINEMATIC["delta_r"],
}
_POSITION: Scales = dict.fromkeys(("delta_eta", "delta_phi"), (0.0, 1.0))

_KINDS: dict[str, Scales] = {
    "jetclass": {
        **_JETCLASS,
        **_IDENTITY,
        **dict.fromkeys(("tanh_d0", "d0_error", "tanh_dz", "dz_error"), (0.0, 1.0)),
        **_POSITION,
    },
    "jetclass-kin": {**_JETCLASS, **_POSITION},
    "jetclass-kinpid": {**_JETCLASS, **_IDENTITY, **_POSITION},
    "full": {
        **KINEMATIC,
        **_ENERGY,
        **_IDENTITY,
        "tanh_d0": (0.0, 1.0),
        "log_d0_error": _LOG_ERROR["log_d0_error"],
        "d0_significance": (0.0, 0.7),
        "tanh_dz": (0.0, 1.0),
        "log_dz_error": _LOG_ERROR["log_dz_error"],
        "dz_significance": (0.0, 0.7),
        "has_track": (0.0, 1.0),
    },
    "kinematic": KINEMATIC,
}

_MOMENTUM = ("pt", "eta", "phi", "mass")
_TYPE = ("charge", "pdgId")
_TRACK = ("d0", "d0_error", "dz", "dz_error")


class ConstituentFeatures(GroupFeatures):
    """Inputs of each constituent.

    Parameters
    ----------
    level : Level
        The raw fields of the constituents.
    kind : {"full", "jetclass", "jetclass-kin", "jetclass-kinpid", "kinematic"}
        ``jetclass``: exactly the 17 inputs of the Particle Transformer (arXiv:2202.03772). ``full``: the same
        information, with the *significances* of the impact parameters and the logarithms of their errors.
        ``jetclass-kin`` and ``jetclass-kinpid``: the first 7 without particle types and tracks, or 13 without tracks.
        ``kinematic``: only ``pt``, ``eta``, ``phi``, which every format has.

    Raises
    ------
    RecipeError
        If a field that this kind needs is missing.
    """

    def __init__(self, level: Level, kind: FeatureKind = "full") -> None:
        super().__init__(level, _KINDS[kind], with_mass=kind != "kinematic")
        self.with_type, self.with_track = "charge" in self.names, "tanh_d0" in self.names
        needed = _MOMENTUM[: 4 if self.with_mass else 3]
        needed += (_TYPE if self.with_type else ()) + (_TRACK if self.with_track else ())
        self.columns.require(needed, f"features {kind!r}")

    def more(self, tokens: Tensor, missing: Tensor) -> dict[str, Tensor]:
        """Particle type, charge and impact parameters."""
        inputs = self._identity(tokens) if self.with_type else {}
        return inputs | (self._track(tokens, missing) if self.with_track else {})

    def _identity(self, tokens: Tensor) -> dict[str, Tensor]:
        code = self.columns.of(tokens, "pdgId").abs()
        flags = {f"is_{name}": (code == number).to(tokens.dtype) for name, number in _CODES.items()}
        return {"charge": self.columns.of(tokens, "charge"), **flags}

    def _track(self, tokens: Tensor, missing: Tensor) -> dict[str, Tensor]:
        inputs: dict[str, Tensor] = {}
        for name in ("d0", "dz"):
            error_name = f"{name}_error"
            no_value, no_error = (self.columns.missing(missing, field) for field in (name, error_name))
            present = ~(no_value | no_error)
            value = self.columns.of(tokens, name).masked_fill(no_value, 0.0)
            error = self.columns.of(tokens, error_name).masked_fill(no_error, 0.0)
            significance = value.abs() / error.clamp(min=1e-4)
            signed = torch.sign(value) * torch.log1p(significance.clamp(max=HIGHEST))
            inputs |= {
                f"tanh_{name}": torch.tanh(value),
                error_name: error.clamp(0.0, 1.0),
                f"{name}_significance": signed.masked_fill(~present, 0.0),
                f"log_{error_name}": torch.where(present, log(error), _LOG_ERROR[f"log_{error_name}"][0]),
            }
            inputs["has_track"] = present.to(tokens.dtype)
        return inputs
