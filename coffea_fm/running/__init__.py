"""Run any coffea processor over a fileset, locally or on a cluster, and write its output."""

from __future__ import annotations

from coffea_fm.running import simulate

__all__ = ["simulate"]
