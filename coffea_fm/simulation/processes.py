"""Hard processes of the ten JetClass classes, as settings of Pythia 8."""

from __future__ import annotations

from dataclasses import dataclass

_QUARKS = "1 2 3 4 5"
_LEPTONS = "11 13"
_HIGGS_AND_Z = ("HiggsSM:ffbar2HZ = on", "23:onMode = off", "23:onIfAny = 12 14 16", "25:onMode = off")
_HIGGS_TO_WW = (*_HIGGS_AND_Z, "25:onIfMatch = 24 -24", "24:onMode = off")
_TOP_PAIR = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "6:onMode = off", "6:onIfAny = 5", "24:onMode = off")
_W_PAIR = ("WeakDoubleBoson:ffbar2WW = on", "24:onMode = off")
_Z_PAIR = ("WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2", "23:onMode = off")


@dataclass(frozen=True)
class Process:
    """Generator settings and truth definition of the jets of one class.

    Parameters
    ----------
    settings : tuple of str
        Pythia settings: the hard process and its decays.
    resonance : int
        Absolute PDG number of the resonance whose visible decay must be fully in the jet; 0 for QCD, where every jet counts.
    alternatives : tuple of tuple of str
        Decay settings that alternate between batches: the charge of the leptonic W in H -> WW.
    lowest, highest : float
        Transverse momentum of the hard process relative to that of the jets, at the ends of their range.
    """

    settings: tuple[str, ...]
    resonance: int = 0
    alternatives: tuple[tuple[str, ...], ...] = ((),)
    lowest: float = 0.9
    highest: float = 1.3


PROCESSES = {
    "QCD": Process(("HardQCD:all = on",), lowest=0.85),
    "Hbb": Process((*_HIGGS_AND_Z, "25:onIfAny = 5"), 25),
    "Hcc": Process((*_HIGGS_AND_Z, "25:onIfAny = 4"), 25),
    "Hgg": Process((*_HIGGS_AND_Z, "25:onIfMatch = 21 21"), 25),
    "H4q": Process((*_HIGGS_TO_WW, f"24:onIfAny = {_QUARKS}"), 25),
    "Hqql": Process(
        _HIGGS_TO_WW,
        25,
        alternatives=(
            (f"24:onPosIfAny = {_QUARKS}", f"24:onNegIfAny = {_LEPTONS}"),
            (f"24:onPosIfAny = {_LEPTONS}", f"24:onNegIfAny = {_QUARKS}"),
        ),
        highest=2.0,
    ),
    "Zqq": Process((*_Z_PAIR, f"23:onIfAny = {_QUARKS}"), 23),
    "Wqq": Process((*_W_PAIR, f"24:onIfAny = {_QUARKS}"), 24),
    "Tbqq": Process((*_TOP_PAIR, f"24:onIfAny = {_QUARKS}"), 6),
    "Tbl": Process((*_TOP_PAIR, f"24:onIfAny = {_LEPTONS}"), 6, highest=2.0),
}
"""The process of every class in `coffea_fm.classes.JET_CLASSES`."""
