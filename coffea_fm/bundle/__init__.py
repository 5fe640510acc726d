"""The artefact of a trained model: graphs, manifest, calibration and card in one folder."""

from __future__ import annotations

from coffea_fm.bundle.bundle import Bundle
from coffea_fm.bundle.calibration import Calibration, WorkingPoint
from coffea_fm.bundle.graph import Graph
from coffea_fm.bundle.load import load_bundle
from coffea_fm.bundle.manifest import Manifest, NumericalCheck, Output, Provenance
from coffea_fm.bundle.save import save_bundle, save_calibration, save_variant
from coffea_fm.bundle.variants import PrecisionCheck, Variant

__all__ = [
    "Bundle",
    "Calibration",
    "Graph",
    "Manifest",
    "NumericalCheck",
    "Output",
    "PrecisionCheck",
    "Provenance",
    "Variant",
    "WorkingPoint",
    "load_bundle",
    "save_bundle",
    "save_calibration",
    "save_variant",
]
