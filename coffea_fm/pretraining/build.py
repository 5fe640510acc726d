"""From the method of a recipe to its module."""

from __future__ import annotations

from coffea_fm.nn.build import Model
from coffea_fm.pretraining.method import Method
from coffea_fm.pretraining.supervised import Supervised, SupervisedConfig

MethodConfig = SupervisedConfig


def build_method(config: MethodConfig, model: Model) -> Method:
    """A method around a model, further parts fresh from torch's global random state."""
    return Supervised(config, model)
