"""Import ONNX files that weaver or CMS exported, with the preprocessing inside the graph."""

from __future__ import annotations
