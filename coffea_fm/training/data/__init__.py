"""From shards to weighted, shuffled batches."""

from __future__ import annotations
