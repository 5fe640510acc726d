"""Training methods, one file each, grouped by family and built from shared parts; `table` lists them."""

from __future__ import annotations
