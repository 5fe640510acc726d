"""Simulated jets with their truth, to derive corrections from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numpy as np
import numpy.typing as npt
from coffea.nanoevents import NanoEventsFactory

from coffea_fm.arrays import DoubleArray
from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError
from coffea_fm.schemas import PFNanoAODSchema

from ..taggers import JetTagger


@dataclass(frozen=True)
class LabelledJets:
    """Jets matched to one parton or one full H -> bb decay; float64 [n_jets] each.

    Parameters
    ----------
    pt, abs_eta : float64 [n_jets]
        As stored, GeV.
    true_pt : float64 [n_jets]
        True transverse momentum of the parton or the Higgs boson, GeV.
    softdrop_mass : float64 [n_jets]
        As stored, GeV; NaN for small-R jets.
    is_signal : bool [n_jets]
        Whether the jets are signal for the tagger.
    discriminant : float64 [n_jets]
        Discriminant of the tagger; NaN without a tagger.
    """

    pt: DoubleArray
    abs_eta: DoubleArray
    true_pt: DoubleArray
    softdrop_mass: DoubleArray
    is_signal: npt.NDArray[np.bool_]
    discriminant: DoubleArray

    def take(self, chosen: npt.NDArray[np.bool_]) -> LabelledJets:
        """Select jets."""
        return LabelledJets(*(values[chosen] for values in vars(self).values()))


def labelled_jets(folder: Path, collection: str, tagger: JetTagger | None) -> LabelledJets:
    """Read the jets of a collection that have truth, from all files of a folder.

    Raises
    ------
    InputError
        If there are none.
    """
    parts = [_read(path, collection, tagger) for path in sorted(folder.glob("*.root"))]
    if not parts or not sum(map(len, parts)):
        raise InputError(f"{folder} has no {collection} with truth: use events of 'coffea-fm simulate hh4b'")
    rows = np.concatenate(parts)
    pt, abs_eta, true_pt, mass, is_signal, discriminant = rows.T
    return LabelledJets(pt, abs_eta, true_pt, mass, is_signal.astype(bool), discriminant)


def _read(path: Path, collection: str, tagger: JetTagger | None) -> DoubleArray:
    events = NanoEventsFactory.from_root({str(path): "Events"}, schemaclass=PFNanoAODSchema, mode="eager").events()
    jets = events[collection]
    known = jets.genPartIdx >= 0
    if collection == "FatJet":
        known = known & (jets.label == JET_CLASSES.index("Hbb"))
    jets = jets[known]
    true_pt = events.GenPart.pt[jets.genPartIdx]
    nothing = ak.full_like(jets.pt, np.nan)
    discriminant = nothing if tagger is None else tagger.discriminant(tagger.tagger(jets))
    is_signal = ak.ones_like(jets.pt) if collection == "FatJet" else jets.hadronFlavour == 5
    mass = jets.msoftdrop if "msoftdrop" in jets.fields else nothing
    columns = (jets.pt, abs(jets.eta), true_pt, mass, is_signal, discriminant)
    return np.stack([ak.to_numpy(ak.flatten(column)).astype(np.float64) for column in columns], axis=1)
