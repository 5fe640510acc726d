"""Learning from labels that a network made itself, for all unlabelled jets, after it was fine-tuned on a few true ones."""

from __future__ import annotations

from typing import Any

from encoders import backbone_of, is_reference, pretrained
from figures_of_merit import figures, target_of
from fine_tuning import AUGMENTATION, FIELDS, LABELS_OF_CHOICE, chosen_way, train_on_labels
from study import Study
from vectors import predict

from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.train import pretrain

SEEN = 60_000


def learn_from_own_labels(study: Study, name: str, seed: int) -> dict[str, Any]:
    """Accuracy of a network of 1000 labels, the ``teacher``, and of one that learns its scores of the unlabelled jets.

    The student starts where the teacher started. It is judged after its last step, since no labels choose a better one.
    """
    way = chosen_way(study, name)
    teacher = train_on_labels(study, name, LABELS_OF_CHOICE, seed, way).folder / "best"
    recipe = Recipe.model_validate(
        {
            "name": f"{name}-{seed}",
            "inputs": {"fields": FIELDS},
            "backbone": backbone_of(study, name),
            "method": {"kind": "distillation", "teacher": str(teacher), "soft": 1.0},
            "training": {
                **study.training,
                "seen": SEEN,
                "lr": study.ways[way]["lr"],
                "weight_decay": 0.02,
                "ema": 0.99,
                "augmentation": AUGMENTATION,
                "validate_every": SEEN,
                "seed": seed,
            },
            "data": {part: str(study.work / "shards" / part) for part in ("train", "validation")},
            "start": None
            if is_reference(study, name)
            else {"checkpoint": str(pretrained(study, name)), **study.ways[way]["start"]},
        }
    )
    student = pretrain(recipe, study.work / "pseudo-labels", show_progress=False).folder / "last"
    target = target_of(study, "test")
    models = {"teacher": teacher, "student": student}
    return {part: figures(predict(study, load_checkpoint(path)[0], "test"), target) for part, path in models.items()}
