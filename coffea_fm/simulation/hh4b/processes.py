"""Signals and backgrounds of HH -> 4b, as settings of Pythia 8."""

from __future__ import annotations

from dataclasses import dataclass

from coffea_fm.simulation.truth import GRAVITON

_QUARKS = "1 2 3 4 5"
_HIGGS_TO_BB = ("25:onMode = off", "25:onIfMatch = 5 -5")
_BULK_GRAVITON = (
    "ExtraDimensionsG*:gg2G* = on",
    "ExtraDimensionsG*:SMinBulk = on",
    f"{GRAVITON}:onMode = off",
    f"{GRAVITON}:onIfMatch = 25 25",
    *_HIGGS_TO_BB,
)
_BROAD = (
    f"{GRAVITON}:m0 = 500",
    f"{GRAVITON}:doForceWidth = on",
    f"{GRAVITON}:mWidth = 400",
    f"{GRAVITON}:mMin = 260",
    f"{GRAVITON}:mMax = 4000",
    "PhaseSpace:mHatMin = 260",
)
_RECOIL = "PhaseSpace:pTHatMin = 120"
MASSES = (600, 800, 1000, 1200, 1500, 2000)
SIGNALS = (*(f"X{mass}" for mass in MASSES), "HH")


@dataclass(frozen=True)
class EventProcess:
    """Generator settings of one kind of event.

    Parameters
    ----------
    settings : tuple of str
        Pythia settings: the hard process and its decays.
    bias_scale, bias_power : float
        In the flat spectrum, hard processes are chosen ``(1 + (pTHat / scale)^2)^(power / 2)`` times as often (GeV), with the
        inverse as weight. Power 0 means no bias.
    early_veto : bool
        Drop events during the shower if they can no longer pass the selection.
    needs_two_b : bool
        Keep only events with two b quarks, as `coffea_fm.simulation.hh4b.hooks` counts them.
    """

    settings: tuple[str, ...]
    bias_scale: float = 1.0
    bias_power: float = 0.0
    early_veto: bool = False
    needs_two_b: bool = False


_MULTIJET = ("HardQCD:all = on", "PhaseSpace:pTHatMin = 100")

EVENT_PROCESSES = {
    **{f"X{mass}": EventProcess((*_BULK_GRAVITON, f"{GRAVITON}:m0 = {mass}")) for mass in MASSES},
    "HH": EventProcess((*_BULK_GRAVITON, *_BROAD)),
    "QCD": EventProcess(_MULTIJET, 250.0, 4.0, early_veto=True),
    "QCDbb": EventProcess(_MULTIJET, 250.0, 4.0, early_veto=True, needs_two_b=True),
    "TT": EventProcess(("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"), 250.0, 3.0),
    "Zjets": EventProcess(
        (
            "WeakBosonAndParton:qqbar2gmZg = on",
            "WeakBosonAndParton:qg2gmZq = on",
            "WeakZ0:gmZmode = 2",
            "23:onMode = off",
            f"23:onIfAny = {_QUARKS}",
            _RECOIL,
        ),
        250.0,
        4.0,
    ),
    "Hjets": EventProcess(
        (
            "HiggsSM:gg2Hg(l:t) = on",
            "HiggsSM:qg2Hq(l:t) = on",
            "HiggsSM:qqbar2Hg(l:t) = on",
            *_HIGGS_TO_BB,
            _RECOIL,
        ),
        250.0,
        2.0,
    ),
}
"""Kinds of events: a bulk graviton of that mass to HH -> 4b; ``HH``, one so wide that its mass is spread over 340 to
2700 GeV (a stand-in for non-resonant pairs); all multijet; multijet with two b quarks; top pairs; Z to quarks and jets;
H -> bb (from gluon fusion) and jets."""
