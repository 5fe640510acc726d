"""Augmented views of jets: packed in, packed out, one file per augmentation."""

from __future__ import annotations

from coffea_fm.methods.parts.views.changes import Change, Changes, augment

__all__ = ["Change", "Changes", "augment"]
