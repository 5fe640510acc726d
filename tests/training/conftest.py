from __future__ import annotations

from trainings import content, make_recipe, one_thread, pretrained, shards, train_data

__all__ = ["content", "make_recipe", "one_thread", "pretrained", "shards", "train_data"]
