"""Training: a recipe, a loop over shards, and checkpoints that resume exactly."""

from __future__ import annotations
