"""The boosted category: two large-R jets, each with a full H -> bb decay.

Jets are ordered by TXbb = Hbb / (Hbb + QCD), as in CMS (arXiv:2205.06667). The ABCD plane has two variables: TXbb
of the second jet, and an event discriminant. The mass of the second jet is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import BoolArray, DoubleArray

HIGGS_MASS = 125.0
MIN_PT, MAX_ETA, MIN_MASS = 250.0, 2.4, 30.0
TAGS = ("fail", "medium", "tight")
BOOSTED_REGIONS = tuple(f"{tag}_{side}" for tag in TAGS for side in ("low", "high"))
BOOSTED_SIGNAL_REGIONS = ("medium_high", "tight_high")


@dataclass(frozen=True)
class Boosted:
    """The two jets of each event, float64 [n_events]; NaN in events that are not selected.

    Parameters
    ----------
    selected : bool [n_events]
        Two jets above 250 GeV with masses above 30 GeV, with the first jet tagged.
    jets : awkward.Array
        events * var * jet: the two jets, or none.
    first_txbb, second_txbb : float64 [n_events]
        TXbb of the two jets.
    first_mass, second_mass : float64 [n_events]
        Calibrated soft-drop masses, GeV.
    """

    selected: BoolArray
    jets: ak.Array
    first_txbb: DoubleArray
    second_txbb: DoubleArray
    first_mass: DoubleArray
    second_mass: DoubleArray

    def mass_discriminant(self) -> DoubleArray:
        """An event discriminant without a network, from the distance of the first jet's mass to the Higgs boson mass."""
        return 1 - np.abs(self.first_mass - HIGGS_MASS) / HIGGS_MASS

    def regions(self, txbb: Sequence[float], discriminant: DoubleArray, cut: float) -> npt.NDArray[np.str_]:
        """Region of each event, one of `BOOSTED_REGIONS`.

        Parameters
        ----------
        txbb : sequence of float
            Medium and tight cuts on the second jet.
        discriminant : float64 [n_events]
            Event discriminant.
        cut : float
            Cut above which the discriminant is high.
        """
        tag = np.array(TAGS)[np.searchsorted(txbb, self.second_txbb, side="right").clip(max=len(txbb))]
        side = np.where(discriminant > cut, "high", "low")
        return np.char.add(np.char.add(tag, "_"), side)


def select_boosted(jets: ak.Array, min_first_txbb: float) -> Boosted:
    """Choose the two jets with the highest TXbb.

    Parameters
    ----------
    jets : awkward.Array
        events * var * large-R jets of one variation, with ``txbb``; jets without a score (NaN) are left out.
    min_first_txbb : float
        Minimal TXbb of the first jet.
    """
    usable = jets[np.isfinite(jets.txbb) & (jets.msoftdrop > MIN_MASS)]
    two = usable[ak.argsort(usable.txbb, ascending=False)][:, :2]
    values = {
        name: ak.to_numpy(ak.fill_none(ak.pad_none(two[name], 2, clip=True), np.nan)) for name in ("txbb", "msoftdrop")
    }
    txbb, mass = values["txbb"].astype(np.float64), values["msoftdrop"].astype(np.float64)
    selected = (txbb[:, 0] > min_first_txbb) & np.isfinite(txbb[:, 1])
    kept = two[ak.broadcast_arrays(ak.Array(selected), two.pt)[0]]
    return Boosted(selected, kept, *txbb.T, *mass.T)
