from __future__ import annotations

from trainings import content, make_recipe, one_thread, shards, train_data

__all__ = ["content", "make_recipe", "one_thread", "shards", "train_data"]
