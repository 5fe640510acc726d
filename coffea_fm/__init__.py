"""Foundation models in coffea analyses."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coffea_fm.inference.loading import load
    from coffea_fm.inference.reports import Report, report
    from coffea_fm.inference.tagger import Tagger
    from coffea_fm.shards.collect import collector, event_collector
    from coffea_fm.shards.collector import Collector

__all__ = ["Collector", "Report", "Tagger", "collector", "event_collector", "load", "report"]

_PLACES = {
    "Collector": "coffea_fm.shards.collector",
    "Report": "coffea_fm.inference.reports",
    "Tagger": "coffea_fm.inference.tagger",
    "collector": "coffea_fm.shards.collect",
    "event_collector": "coffea_fm.shards.collect",
    "load": "coffea_fm.inference.loading",
    "report": "coffea_fm.inference.reports",
}


def __getattr__(name: str) -> Any:
    """Import what a user calls only when it is called: ``import coffea_fm`` stays light."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
