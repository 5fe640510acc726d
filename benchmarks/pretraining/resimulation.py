"""The claim of RS3L (arXiv:2403.07066): pretraining on pairs of simulations makes scores depend less on the simulation.

QCD jets and H -> bb are simulated with all variations. An encoder is pretrained on pairs of simulations (rs3l), another on
augmentations of the nominal jets (jetclr), a third on augmentations of all simulations (jetclr-all), each with the same
number of jets seen. Labels of nominal jets then train a linear probe of the frozen encoder, and the whole network. The
scores of the same test jets in different simulations are compared at equal AUC. Every result is kept, and a rerun goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from data import collect
from jobs import finished
from score_shifts import at_equal_auc, mean_and_error, shifts
from subsets import write_some

from coffea_fm.config import read_yaml
from coffea_fm.evaluation.probes import linear_probe
from coffea_fm.nn.checkpoint import load_checkpoint, save_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.simulation.production import SimulationSettings, produce
from coffea_fm.simulation.variations import VARIATIONS
from coffea_fm.training import pretrain
from coffea_fm.training.data.embeddings import embeddings_of
from coffea_fm.training.recipe.recipe import Recipe

ROOT = Path(__file__).parents[2]
CLASSES = ("QCD", "Hbb")
PARTS = {"train": (31, 3500), "validation": (32, 500), "test": (33, 2000)}
"""Seed and nominal jets of each class."""
METHODS = {"rs3l": ("rs3l", "pairs"), "jetclr": ("jetclr", "nominal"), "jetclr-all": ("jetclr", "all")}
"""Recipe and shards of each encoder."""
BACKBONE = {"layers": 2}
REFERENCE = "random"
PROBED = (100, 300, 1000, 4000)
TUNED = (300, 4000)
COLUMNS = ("target", "weight", "pair", "variation")


def prepare(work: Path, scale: float, workers: int) -> None:
    """Simulate and collect what is not there yet."""
    for part, (seed, number) in PARTS.items():
        jets = max(20, round(scale * number))
        raw, shards = work / "raw" / part, work / "shards"
        settings = SimulationSettings(seed=seed, jets_per_file=min(500, jets), resimulate=tuple(VARIATIONS))
        produce(raw, settings, CLASSES, jets, workers)
        files = sorted(raw.glob("*.root"))
        collect(shards / f"{part}-all", files, "PFNanoAODSchema", "-O", 'columns=["pair","variation"]')
        collect(shards / f"{part}-pairs", files, "PFNanoAODSchema", "--processor", "collect_resimulations")
        if not (shards / f"{part}-nominal").exists():
            data = ShardDataset(shards / f"{part}-all")
            write_some(
                shards / f"{part}-nominal", data, np.flatnonzero(data.scalars("variation")["variation"] == 0), COLUMNS
            )


def recipe_of(shipped: str, **sections: Any) -> Recipe:
    """A shipped recipe with some sections changed."""
    content: dict[str, Any] = read_yaml(ROOT / "models" / shipped / "recipe.yaml", "recipe")
    content["backbone"] |= BACKBONE
    for section, changes in sections.items():
        content[section] = {**content.get(section, {}), **changes} if isinstance(changes, dict) else changes
    return Recipe.model_validate(content)


def encoder(work: Path, name: str, seed: int, seen: int) -> Path:
    """The checkpoint of a pretrained encoder, or of one with random weights."""
    recipe, shards = METHODS.get(name, ("jetclr", "nominal"))
    data = {part: str(work / "shards" / f"{part}-{shards}") for part in ("train", "validation")}
    training = {"seen": seen, "validate_every": max(1, seen // 4), "seed": seed, "precision": "fp32"}
    made = recipe_of(recipe, name=f"{name}-{seed}", training=training, data=data)
    if name != REFERENCE:
        return pretrain(made, work / "runs", show_progress=False).folder / "last"
    network, folder = made.network(ShardDataset(data["train"]).classes), work / "runs" / f"{name}-{seed}"
    torch.manual_seed(seed)
    save_checkpoint(folder, network.build().state_dict(), network, {})
    return folder


def judge(work: Path, name: str, seed: int, seen: int) -> dict[str, Any]:
    """Shifts and AUC of one encoder, by way and number of labels."""
    path = work / "results" / f"{name}-{seed}-{seen}.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    started = time.process_time()
    checkpoint = encoder(work, name, seed, seen)
    found: dict[str, Any] = {"probe": [], "fine-tuned": [], "pretraining_seconds": time.process_time() - started}
    vectors, columns = embeddings_of(checkpoint, work / "shards" / "train-nominal")
    test, of_test = embeddings_of(checkpoint, work / "shards" / "test-all")
    measured = [of_test[column] for column in ("target", "pair", "variation")]
    order = np.random.default_rng([seed, 17]).permutation(len(vectors))
    for labels in sorted({min(number, len(vectors)) for number in PROBED}):
        parts = [(vectors[rows], columns["target"][rows]) for rows in np.split(order[:labels], [round(0.8 * labels)])]
        scores = linear_probe(*parts[0], *parts[1], test)
        found["probe"].append(shifts(np.log(scores[:, 1] + 1e-9) - np.log(scores[:, 0] + 1e-9), *measured))
    for labels in sorted({min(number, len(vectors)) for number in TUNED}):
        found["fine-tuned"].append(shifts(fine_tuned(work, name, checkpoint, order[:labels], seed, seen), *measured))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1))
    return found


def fine_tuned(work: Path, name: str, checkpoint: Path, rows: np.ndarray, seed: int, seen: int) -> np.ndarray:
    """Scores of all test jets after fine-tuning the whole network on some nominal jets."""
    labels = work / "labels" / f"{len(rows)}-{seed}"
    for part, chosen in zip(("train", "validation"), np.split(rows, [round(0.8 * len(rows))]), strict=True):
        if not (labels / f"{part}-{name}").exists():
            write_some(labels / f"{part}-{name}", ShardDataset(work / "shards" / "train-nominal"), chosen, COLUMNS)
    recipe = recipe_of(
        "jet-classifier-small",
        name=f"{name}-{len(rows)}-{seed}",
        backbone=recipe_of("jetclr").backbone.model_dump(mode="json"),
        training={
            "seen": seen // 2, "validate_every": max(1, seen // 16), "seed": seed, "lr": 5e-4, "ema": 0.99, "precision": "fp32",
        },
        data={part: str(labels / f"{part}-{name}") for part in ("train", "validation")} | {"reweight": None},
        start=None if name == REFERENCE else {"mode": "full", "checkpoint": str(checkpoint)},
    )  # fmt: skip
    best = pretrain(recipe, work / "tuned", show_progress=False).best
    vectors, _ = embeddings_of(best, work / "shards" / "test-all")
    model, _ = load_checkpoint(best)
    assert model.head is not None
    with torch.no_grad():
        logits = model.eval().head(torch.as_tensor(vectors))
    return (logits[:, 1] - logits[:, 0]).numpy()


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """All numbers, and the comparison at equal AUC, as Markdown."""
    lines = []
    for way in ("probe", "fine-tuned"):
        lines += ["", f"## {way}", "", "| encoder | AUC | shift | floor | change | change, same physics |"]
        lines.append("|---|---:|---:|---:|---:|---:|")
        for name, seeds in results.items():
            last = [found[way][-1] for found in seeds]
            row = [mean_and_error([point[key] for point in last]) for key in last[0]]
            lines.append(f"| {name} | {' | '.join(row)} |")
        lines += ["", "| at equal AUC: rs3l against | AUC | shift (rs3l, other) | difference | change | difference |"]
        lines.append("|---|---:|---:|---:|---:|---:|")
        for name in (name for name in results if name != "rs3l"):
            cells = [name]
            for what in ("shift", "change"):
                pairs = list(zip(results["rs3l"], results[name], strict=True))
                compared = np.array([at_equal_auc(ours[way], others[way], what) for ours, others in pairs])
                cells += [f"{compared[:, 0].mean():.3f}"] if what == "shift" else []
                cells.append(f"{compared[:, 1].mean():.4f}, {compared[:, 2].mean():.4f}")
                cells.append(mean_and_error(list(compared[:, 1] - compared[:, 2])))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run everything that is missing, and write the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--work", type=Path, default=ROOT / "work" / "resimulation")
    arguments.add_argument("--scale", type=float, default=1.0, help="share of the simulated jets")
    arguments.add_argument("--seen", type=int, default=40_000)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--table", type=Path)
    chosen = arguments.parse_args()
    workers = len(os.sched_getaffinity(0))
    prepare(chosen.work, chosen.scale, workers)
    jobs = [(name, seed) for seed in range(chosen.seeds) for name in (*METHODS, REFERENCE)]
    work, seen = chosen.work, chosen.seen
    found = dict(finished({job: (judge, work, *job, seen) for job in jobs}, workers))
    results: dict[str, list[dict[str, Any]]] = {}
    for name, seed in jobs:
        results.setdefault(name, []).append(found[name, seed])
    text = table(results)
    print(text)
    if chosen.table:
        head = f"# Scores of the same jets in different simulations\n\n{CLASSES[1]} against {CLASSES[0]}, {chosen.seen:,} jets "
        chosen.table.write_text(f"{head}seen in the pretraining, {chosen.seeds} seeds.\n{text}\n")


if __name__ == "__main__":
    main()
