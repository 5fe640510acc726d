"""All targets of masked modelling, one a line."""

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
    """What is predicted of each hidden particle: at least one of these, and their losses are added.

    Parameters
    ----------
    kmeans, vq, regression, flow, id : object, optional
        See each; ``{}`` takes its defaults.
    fields : tuple of str
        Numbers that k-means, regression and flow are about.
    """

    kmeans: KMeansTargetConfig | None = None
    vq: VQTargetConfig | None = None
    regression: RegressionTargetConfig | None = None
    flow: FlowTargetConfig | None = None
    id: IdentityTargetConfig | None = None
    fields: tuple[FieldName, ...] = DEFAULT_FIELDS

    @property
    def chosen(self) -> dict[str, TargetConfig]:
        """Those that are configured, by name."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if isinstance(value, TargetConfig)}

    @model_validator(mode="after")
    def _at_least_one(self) -> TargetsConfig:
        if not self.chosen:
            raise ValueError("there is nothing to predict: choose from kmeans, vq, regression, flow and id")
        return self

    def build(self, level: Level, dim: int, embedding_dim: int) -> dict[str, Target]:
        """Modules by name, for vectors of width `dim` and embeddings of width `embedding_dim`.

        Raises
        ------
        RecipeError
            If a tokenizer cannot be read, or reads other inputs.
        """
        around = Surroundings(level, self.fields, dim, embedding_dim)
        return {name: config.build(around) for name, config in self.chosen.items()}
