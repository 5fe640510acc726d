"""Domain-adversarial training on labelled simulation and unlabelled data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from data import labelled
from fine_tuning import AUGMENTATION, FIELDS
from study import Study
from subsets import write_jets

from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Packed
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.train import TrainingResult

WAY = "at-once"


def domains(work: Path, n_labels: int, seed: int) -> Path:
    """Folder of labelled simulation and as many unlabelled jets of data, told apart by the column ``domain``."""
    folder = work / "labels" / f"domains-{n_labels}-{seed}"
    for part in ("train", "validation"):
        if (folder / part).exists():
            continue
        simulated = ShardDataset(labelled(work, n_labels, seed) / part)
        measured = ShardDataset(work / "shards" / f"data-{part}")
        (left, columns), (right, _) = (data.read(data.row_groups) for data in (simulated, measured))
        random = np.random.default_rng([seed, 31])
        right = right.take(random.permutation(len(right))[: len(left)])
        domain = np.repeat(np.arange(2, dtype=np.int32), (len(left), len(right)))
        target = np.concatenate((columns["target"], np.zeros(len(right), columns["target"].dtype)))
        order = random.permutation(len(domain))
        both = Packed.concatenate([left, right]).take(order)
        write_jets(folder / part, simulated, both, {"target": target[order], "domain": domain[order]})
    return folder


def train_adversarial(study: Study, name: str, n_labels: int, seed: int, strength: float) -> TrainingResult:
    """Train without pretraining; as many labelled jets are seen, and in a step, as by fine-tuning.

    To be judged by its last checkpoint: the best one on labelled simulation is from before the reversed gradient was strong.
    """
    folder = domains(study.work, n_labels, seed)
    recipe = Recipe.model_validate(
        {
            "name": name,
            "inputs": {"fields": FIELDS},
            "backbone": study.backbone,
            "method": {"kind": "domain-adversarial", "strength": strength},
            "training": {
                **{setting: 2 * number for setting, number in study.fine_tuning[n_labels].items()},
                "lr": study.ways[WAY]["lr"],
                "weight_decay": 0.02,
                "ema": 0.99,
                "augmentation": AUGMENTATION,
                "seed": seed,
            },
            "data": {part: str(folder / part) for part in ("train", "validation")},
        }
    )
    return pretrain(recipe, study.work / "fine-tuned" / "domain-adversarial", show_progress=False)


def domain_accuracy(trained: TrainingResult) -> float:
    """How often the network that looks for the domain finds it at the end, on validation jets; 0.5 is chance."""
    return float(pd.read_csv(trained.folder / "log.csv")["validation_domain_accuracy"].dropna().iloc[-1])
