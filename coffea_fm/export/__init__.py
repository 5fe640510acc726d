"""Export a trained network to a bundle: ONNX graphs, their numerical check, a manifest and a model card."""

from __future__ import annotations

from coffea_fm.export.check import ExportError, check_graphs
from coffea_fm.export.export import export_checkpoint, export_model
from coffea_fm.export.graphs import make_graphs

__all__ = ["ExportError", "check_graphs", "export_checkpoint", "export_model", "make_graphs"]
