"""The training loop and what it needs."""

from __future__ import annotations
