"""Other versions of the same jets: packed in, packed out, one file a change."""

from __future__ import annotations

from coffea_fm.methods.parts.views.changes import Change, Changes, augment

__all__ = ["Change", "Changes", "augment"]
