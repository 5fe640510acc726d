"""All targets of masked modelling, one per line."""

from __future__ import annotations

from pydantic import model_validator

from coffea_fm.config import Config
from coffea_fm.methods.parts.targets.codes import KMeansTargetConfig, VQTargetConfig
from coffea_fm.methods.parts.targets.flow import FlowTargetConfig
from coffea_fm.methods.parts.targets.identity import IdentityTargetConfig
from coffea_fm.methods.parts.targets.regression import RegressionTargetConfig
from coffea_fm.methods.parts.targets.target import Surroundings, Target, TargetConfig
from coffea_fm.methods.parts.tokenizers.fields import DEFAULT_FIELDS, FieldName
from coffea_fm.tokens import Level


class TargetsConfig(Config):
    """What to predict for each hidden particle: at least one target. The losses of all targets are added.

    Parameters
    ----------
    kmeans, vq, regression, flow, id : object, optional
        Settings of each target; ``{}`` selects the defaults.
    fields : tuple of str
        Fields that k-means, regression and flow predict.
    """

    kmeans: KMeansTargetConfig | None = None
    vq: VQTargetConfig | None = None
    regression: RegressionTargetConfig | None = None
    flow: FlowTargetConfig | None = None
    id: IdentityTargetConfig | None = None
    fields: tuple[FieldName, ...] = DEFAULT_FIELDS

    @property
    def chosen(self) -> dict[str, TargetConfig]:
        """The configured targets by name."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if isinstance(value, TargetConfig)}

    @model_validator(mode="after")
    def _at_least_one(self) -> TargetsConfig:
        if not self.chosen:
            raise ValueError("there is nothing to predict: choose from kmeans, vq, regression, flow and id")
        return self

    def build(self, level: Level, dim: int, embedding_dim: int) -> dict[str, Target]:
        """Build the targets for vectors of width `dim` and embeddings of width `embedding_dim`.

        Raises
        ------
        RecipeError
            If a tokenizer cannot be read, or its inputs differ.
        """
        around = Surroundings(level, self.fields, dim, embedding_dim)
        return {name: config.build(around) for name, config in self.chosen.items()}
