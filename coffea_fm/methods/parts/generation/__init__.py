"""What methods share that generate jets particle by particle."""

from __future__ import annotations
