"""Several tasks with one backbone: classification, masked particles and regression.

CMS trains its jet taggers on classes and regressions at the same time, and OmniLearned (arXiv:2510.24066) on classes and
the generation of particles; here, hidden particles are predicted as in MPM (arXiv:2401.13537, 2409.12589).
"""

from __future__ import annotations

from typing import ClassVar, Literal, cast

from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn.functional import cross_entropy

from coffea_fm.methods.masked.particles import MaskedConfig, MaskedParticleModelling
from coffea_fm.methods.method import MethodConfig
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.methods.supervised.regression import regression_loss, standardise
from coffea_fm.nn.heads import Head
from coffea_fm.nn.heads.regression import RegressionHeadConfig
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset


class MultiTaskConfig(MethodConfig):
    """The method ``multi-task``. The weight of the classification is 1.

    Parameters
    ----------
    masked : MaskedConfig
        What to hide, and what to predict of it.
    masked_weight : float
        Weight of masked modelling.
    regression : RegressionHeadConfig
        Columns of the shards to predict, such as ``{targets: [msoftdrop, pt_raw]}``, and the head that does it. It is not
        part of the model.
    regression_weight : float
        Weight of the regression; its targets are standardised.
    """

    heads: ClassVar = {"jet": ("classification",)}
    several_groups: ClassVar[bool] = False
    kind: Literal["multi-task"] = "multi-task"
    masked: MaskedConfig
    masked_weight: NonNegativeFloat = 0.5
    regression: RegressionHeadConfig
    regression_weight: NonNegativeFloat = 0.5

    def build(self, model: Model) -> MultiTask:  # noqa: D102
        return MultiTask(self, model)


class MultiTask(MaskedParticleModelling):
    """Weighted sum of three losses.

    The backbone runs twice, on the visible particles to predict the hidden ones, and on all particles for the class and
    the regression, which therefore see what they will see when the model is used.

    Parameters
    ----------
    config : MultiTaskConfig
    model : Model
        Its head computes logits [jets, classes].
    """

    metrics: ClassVar = ("loss", "accuracy", "classification", "masked", "error")

    def __init__(self, config: MultiTaskConfig, model: Model) -> None:
        super().__init__(config.masked, model)
        self.config = config
        self.regression = config.regression.build(model.level, model.backbone.dim)

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Prepare the targets on the training jets."""
        super().prepare(data, seed)
        standardise(self.regression, data)

    def forward(self, part: MaskedJets) -> dict[str, Tensor]:
        """Loss, accuracy, losses of classification and masked particles, and error of the regression of each jet."""
        masked = super().forward(part)["loss"]
        embedding = self.model.known(part.whole)["embedding"]
        logits, target = cast("Head", self.model.head)(embedding).float(), part.columns["target"]
        classification = cross_entropy(logits, target, reduction="none")
        regression, error = regression_loss(self.regression, self.regression(embedding), part.columns)
        return {
            "loss": classification + self.config.masked_weight * masked + self.config.regression_weight * regression,
            "accuracy": (logits.argmax(dim=1) == target).float(),
            "classification": classification,
            "masked": masked,
            "error": error,
        }
