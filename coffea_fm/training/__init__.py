"""Training: recipes, a loop over shards, and checkpoints with exact resumption."""

from __future__ import annotations

from coffea_fm.training.recipe.recipe import Recipe, load_recipe
from coffea_fm.training.train import TrainingResult, finetune, pretrain

__all__ = ["Recipe", "TrainingResult", "finetune", "load_recipe", "pretrain"]
