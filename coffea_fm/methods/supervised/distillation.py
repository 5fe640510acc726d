"""Distillation (arXiv:1503.02531): a small network learns the scores of a large one that is already trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, kl_div, log_softmax

from coffea_fm.errors import RecipeError
from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.fixed_teacher import FixedTeacher
from coffea_fm.nn.batches import Batch, Columns
from coffea_fm.nn.heads import Head
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset


class DistillationConfig(MethodConfig):
    """The method ``distillation``.

    Parameters
    ----------
    teacher : str
        A bundle by name, path or URL, or the folder of a checkpoint such as ``runs/NAME/best``. It has the classes of
        the shards, in any order, and may read other fields than the student.
    temperature : float
        Logits of both are divided by it.
    soft : float
        Weight of the teacher's scores; that of the labels is one minus this.
    embedding : float
        Weight of the cosine distance between the embeddings, of which a linear layer maps the student's to the width of
        the teacher's (as the regressor of arXiv:1412.6550).
    """

    heads: ClassVar = {"jet": ("classification",)}
    kind: Literal["distillation"] = "distillation"
    teacher: str
    temperature: PositiveFloat = 1.0
    soft: Annotated[float, Field(ge=0, le=1)] = 0.5
    embedding: NonNegativeFloat = 0.0

    def build(self, model: Model) -> Distillation:  # noqa: D102
        return Distillation(self, model)


class Distillation(Method):
    """Divergence from the teacher's scores, cross-entropy of the labels, and distance to the teacher's embedding.

    The teacher answers once for each stored jet. If the student's jets are augmented, the teacher's are not: the
    augmentations of a recipe keep the class.

    Raises
    ------
    RecipeError
        If the classes of the teacher are not those of the model.
    """

    metrics: ClassVar = ("loss", "accuracy", "divergence")

    def __init__(self, config: DistillationConfig, model: Model) -> None:
        super().__init__(model)
        self.config, self.teacher = config, FixedTeacher.open(config.teacher)
        classes = cast("Head", model.head).columns
        if set(classes) != set(self.teacher.classes):
            raise RecipeError(
                f"method.teacher: {config.teacher} has the classes {', '.join(self.teacher.classes)}, and the shards have "
                f"{', '.join(classes)}: give a teacher with the same classes"
            )
        self.order = [self.teacher.classes.index(name) for name in classes]
        self.project = nn.Linear(model.backbone.dim, self.teacher.dim) if config.embedding else None

    def columns(self, data: ShardDataset, cache: Path) -> Columns:  # noqa: D102
        found = self.teacher.answers(data, cache)
        return {
            "teacher_logits": found["teacher_logits"][:, self.order],
            **({"teacher_embedding": found["teacher_embedding"]} if self.config.embedding else {}),
        }

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Loss, accuracy and divergence of each jet."""
        embedding = self.model.known(part.inputs)["embedding"]
        logits = cast("Head", self.model.head)(embedding).float()
        target, temperature = part.columns["target"], self.config.temperature
        teacher, student = (
            log_softmax(given / temperature, dim=1) for given in (part.columns["teacher_logits"], logits)
        )
        # The gradient of the divergence falls as 1/T², so this factor makes the weights independent of T.
        divergence = temperature**2 * kl_div(student, teacher, reduction="none", log_target=True).sum(dim=1)
        loss = self.config.soft * divergence + (1 - self.config.soft) * cross_entropy(logits, target, reduction="none")
        if self.project is not None:
            found = self.project(embedding).float()
            loss = loss + self.config.embedding * (
                1 - cosine_similarity(found, part.columns["teacher_embedding"], dim=1)
            )
        accuracy = (logits.argmax(dim=1) == target).float()
        return {"loss": loss, "accuracy": accuracy, "divergence": divergence}
