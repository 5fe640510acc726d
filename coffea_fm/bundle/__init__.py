"""The artefact of a trained model: graphs, manifest and card in one folder."""

from __future__ import annotations

from coffea_fm.bundle.load import Bundle, load_bundle
from coffea_fm.bundle.manifest import (
    Calibration,
    Graph,
    Manifest,
    NumericalCheck,
    Output,
    Provenance,
    WorkingPoint,
    graph_inputs,
)
from coffea_fm.bundle.save import save_bundle

__all__ = [
    "Bundle",
    "Calibration",
    "Graph",
    "Manifest",
    "NumericalCheck",
    "Output",
    "Provenance",
    "WorkingPoint",
    "graph_inputs",
    "load_bundle",
    "save_bundle",
]
