"""What else is known of evaluated jets: kinematics and, of some, the embedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from coffea_fm.arrays import BoolArray, FloatArray

VARIABLES: Final[tuple[tuple[str, ...], ...]] = (("pt", "pt_raw"), ("eta",), ("msoftdrop", "mass", "mass_raw"))
"""Fields that efficiencies are shown against: of each group the first that the jets have."""

LABELS: Final[Mapping[str, str]] = {
    "pt": "$p_T$ [GeV]",
    "pt_raw": "Uncorrected $p_T$ [GeV]",
    "eta": r"$\eta$",
    "msoftdrop": "Soft-drop mass [GeV]",
    "mass": "Mass [GeV]",
    "mass_raw": "Uncorrected mass [GeV]",
}


@dataclass(frozen=True)
class JetData:
    """Kinematics and embeddings of jets.

    Parameters
    ----------
    variables : mapping of str to float array of shape [n_jets]
        By field, of the fields in `VARIABLES` that the jets have.
    embedded : bool array of shape [n_jets]
        Of which jets the embedding was kept.
    embedding : float32 array of shape [n_embedded, dim]
        In the order of the jets; ``dim`` is 0 if the bundle gives none.
    """

    variables: Mapping[str, FloatArray] = field(default_factory=dict)
    embedded: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    embedding: FloatArray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

    def take(self, kept: BoolArray) -> JetData:
        """The same of the jets where `kept` is True."""
        rows = kept[self.embedded] if len(self.embedded) else np.zeros(0, dtype=np.bool_)
        return JetData(
            {name: values[kept] for name, values in self.variables.items()},
            self.embedded[kept] if len(self.embedded) else self.embedded,
            self.embedding[rows],
        )
