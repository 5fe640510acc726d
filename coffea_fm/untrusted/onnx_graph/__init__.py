"""Check ONNX files by their bytes, without the package onnx and before onnxruntime sees them."""

from __future__ import annotations

from coffea_fm.untrusted.onnx_graph.check import check_graph
from coffea_fm.untrusted.onnx_graph.external import ExternalTensor

__all__ = ["ExternalTensor", "check_graph"]
