"""From the targets of a recipe to their modules."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator

from coffea_fm.methods.parts.targets.codes import CodeTarget, KMeansTargetConfig, VQTargetConfig
from coffea_fm.methods.parts.targets.flow import FlowTarget, FlowTargetConfig
from coffea_fm.methods.parts.targets.identity import IdentityTarget, IdentityTargetConfig
from coffea_fm.methods.parts.targets.regression import RegressionTarget, RegressionTargetConfig
from coffea_fm.methods.parts.targets.target import Target
from coffea_fm.methods.parts.tokenizers.fields import DEFAULT_FIELDS, FieldName
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.methods.parts.tokenizers.load import load_tokenizer
from coffea_fm.tokens import InputSpec


class TargetsConfig(BaseModel):
    """What is predicted of each hidden particle: at least one of these, and their losses are added.

    Parameters
    ----------
    kmeans, vq, regression, flow, id : object, optional
        See each; ``{}`` takes its defaults.
    fields : tuple of str
        Numbers that k-means, regression and flow are about.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kmeans: KMeansTargetConfig | None = None
    vq: VQTargetConfig | None = None
    regression: RegressionTargetConfig | None = None
    flow: FlowTargetConfig | None = None
    id: IdentityTargetConfig | None = None
    fields: tuple[FieldName, ...] = DEFAULT_FIELDS

    @model_validator(mode="after")
    def _at_least_one(self) -> TargetsConfig:
        if not any((self.kmeans, self.vq, self.regression, self.flow, self.id)):
            raise ValueError("there is nothing to predict: choose from kmeans, vq, regression, flow and id")
        return self


def build_targets(config: TargetsConfig, spec: InputSpec, dim: int, embedding_dim: int) -> dict[str, Target]:
    """Modules by the names of the configuration, for vectors of width `dim` and embeddings of width `embedding_dim`.

    Raises
    ------
    RecipeError
        If a tokenizer cannot be read, or reads other inputs.
    """
    targets: dict[str, Target] = {}
    if config.kmeans is not None and config.kmeans.tokenizer is None:
        tokenizer = KMeansTokenizer(KMeansConfig(codes=config.kmeans.codes, fields=config.fields), spec)
        targets["kmeans"] = CodeTarget(tokenizer, dim, embedding_dim, config.kmeans, fit=True)
    for name, codes in (("kmeans", config.kmeans), ("vq", config.vq)):
        if codes is not None and codes.tokenizer is not None:
            targets[name] = CodeTarget(load_tokenizer(codes.tokenizer, spec), dim, embedding_dim, codes, fit=False)
    if config.regression is not None:
        targets["regression"] = RegressionTarget(spec, config.fields, dim, config.regression.weight)
    if config.flow is not None:
        targets["flow"] = FlowTarget(spec, config.fields, dim, config.flow)
    if config.id is not None:
        targets["id"] = IdentityTarget(spec, dim, config.id.weight)
    return targets
