"""Read what `coffea.util.save` writes, without running anything that somebody put into it."""

from __future__ import annotations

from coffea_fm.untrusted.pickles.load import load_output, loads

__all__ = ["load_output", "loads"]
