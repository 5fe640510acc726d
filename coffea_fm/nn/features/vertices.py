"""Features of secondary vertices."""

from __future__ import annotations

import torch
from torch import Tensor

from coffea_fm.nn.features.group import KINEMATIC, FeatureKind, GroupFeatures, Scales
from coffea_fm.nn.kinematics import HIGHEST
from coffea_fm.tokens import Level

_OF_FIELD: dict[str, Scales] = {
    "mass": {"log_mass": (0.5, 0.7)},
    "n_tracks": {"log_n_tracks": (1.0, 1.0)},
    "chi2": {"log_chi2": (1.0, 0.7)},
    "d3d": {"log_d3d": (1.0, 0.7)},
    "d3d_significance": {"log_d3d_significance": (2.0, 0.7)},
}
"""Inputs from each optional field, in addition to the momentum."""


class VertexFeatures(GroupFeatures):
    """Inputs of each secondary vertex: its momentum and every other known field that the level has.

    Parameters
    ----------
    level : Level
        The raw fields of the vertices.
    kind : {"full", "jetclass", "jetclass-kin", "jetclass-kinpid", "kinematic"}
        ``kinematic``: only ``pt``, ``eta``, ``phi``. The others are the same.

    Raises
    ------
    RecipeError
        If the momentum is missing.
    """

    def __init__(self, level: Level, kind: FeatureKind = "full") -> None:
        self.fields = () if kind == "kinematic" else tuple(name for name in _OF_FIELD if name in level.names)
        scales = {**KINEMATIC, "log_pt": (3.0, 0.7), "log_relative_pt": (-2.0, 0.7)}
        for name in self.fields:
            scales |= _OF_FIELD[name]
        super().__init__(level, scales, with_mass="mass" in self.fields)
        self.columns.require(("pt", "eta", "phi"), f"features {kind!r}")

    def more(self, tokens: Tensor, missing: Tensor) -> dict[str, Tensor]:
        """One logarithm per field; a missing value is replaced by a typical one."""
        inputs = {}
        for name in self.fields:
            ((feature, (usual, _)),) = _OF_FIELD[name].items()
            value = torch.log1p(self.columns.of(tokens, name).clamp(0.0, HIGHEST))
            if name in self.columns.level.missing_names:
                value = torch.where(self.columns.missing(missing, name), usual, value)
            inputs[feature] = value
        return inputs
