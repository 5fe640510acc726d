"""Building blocks of methods: views, targets, decoders, losses, tokenizers, teacher and projector."""

from __future__ import annotations
