"""Run a bundle on awkward arrays."""

from __future__ import annotations

from coffea_fm.inference.loading import load
from coffea_fm.inference.reports import Report, report
from coffea_fm.inference.sessions import session_count
from coffea_fm.inference.tagger import Tagger

__all__ = ["Report", "Tagger", "load", "report", "session_count"]
