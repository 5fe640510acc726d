"""Import models that others trained, as bundles: each with a check against the original."""

from __future__ import annotations

from coffea_fm.importers.result import ImportResult
from coffea_fm.importers.table import import_model

__all__ = ["ImportResult", "import_model"]
