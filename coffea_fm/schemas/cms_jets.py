"""Behaviour of CMS jets with constituents as a field."""

from __future__ import annotations

from typing import Any

from coffea.nanoevents.methods import nanoaod

from coffea_fm.schemas.jets import Constituents


class JetArray(Constituents, nanoaod.JetArray):  # type: ignore[misc]
    """NanoAOD jets with their constituents."""


class JetRecord(Constituents, nanoaod.JetRecord):  # type: ignore[misc]
    """NanoAOD jet with its constituents."""


class FatJetArray(Constituents, nanoaod.FatJetArray):  # type: ignore[misc]
    """NanoAOD large-R jets with their constituents."""


class FatJetRecord(Constituents, nanoaod.FatJetRecord):  # type: ignore[misc]
    """NanoAOD large-R jet with its constituents."""


BEHAVIOR: dict[Any, Any] = {
    **nanoaod.behavior,
    "Jet": JetRecord,
    ("*", "Jet"): JetArray,
    "FatJet": FatJetRecord,
    ("*", "FatJet"): FatJetArray,
}
