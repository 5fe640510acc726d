"""Methods that learn from labels."""

from __future__ import annotations
