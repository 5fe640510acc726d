"""Import ONNX files of weaver and CMS."""

from __future__ import annotations
