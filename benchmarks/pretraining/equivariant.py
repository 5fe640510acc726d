"""Lorentz-equivariant networks beside ours: accuracy with few labels from scratch, invariance and cost.

Needs the shards of the study (``make benchmark-pretraining``) in ``--work``. Run it on a quiet machine with one thread; start
it again to go on where it was.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from data import labelled
from figures_of_merit import figures, target_of
from fine_tuning import AUGMENTATION, FIELDS
from study import HERE, Study
from vectors import predict

from coffea_fm.export import make_graphs
from coffea_fm.export.check import open_session
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Packed, array_names, pad
from coffea_fm.training import pretrain
from coffea_fm.training.recipe.recipe import Recipe

LABELS_OF_CHOICE = 1000
REFERENCE = "set-transformer"
TIMED_JETS, ROUNDS = 256, 7
BOOST, ANGLE = 1.0, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--study", type=Path, default=HERE / "equivariant.yaml")
    parser.add_argument("--output", type=Path, default=HERE / "equivariant.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    asked = yaml.safe_load(arguments.study.read_text())
    study = Study(arguments.work.absolute(), {}, 0, {}, list(asked["labels"]), {}, {}, {}, {}, {}, {})
    rows = {name: row_of(study, asked, name) for name in asked["backbones"]}
    costs = study.result("equivariant/costs", lambda: costs_of(study, asked))
    arguments.output.write_text(table(asked, rows, costs))
    print(arguments.output.read_text())


def row_of(study: Study, asked: dict[str, Any], name: str) -> dict[str, list[float]]:
    """Accuracies on the test jets for each number of labels, by seed."""

    def results(labels: int, rate: float) -> list[dict[str, Any]]:
        return [
            study.result(
                f"equivariant/{name}-{labels}-{seed}-{rate:g}",
                lambda seed=seed: trained(study, asked, name, labels, seed, rate),  # type: ignore[misc]
            )
            for seed in range(asked["seeds"])
        ]

    def loss(rate: float) -> float:
        return float(np.mean([result["validation"]["loss"] for result in results(LABELS_OF_CHOICE, rate)]))

    rate = min(asked["rates"], key=loss)
    return {str(labels): [result["test"]["accuracy"] for result in results(labels, rate)] for labels in asked["labels"]}


def trained(study: Study, asked: dict[str, Any], name: str, labels: int, seed: int, rate: float) -> dict[str, Any]:
    """Train a network from scratch on a set of labelled jets, and judge it."""
    shards = labelled(study.work, labels, seed)
    content = {
        "name": f"{name}-{labels}-{seed}-{rate:g}",
        "inputs": {"fields": FIELDS},
        "backbone": asked["backbones"][name],
        "method": {"kind": "supervised"},
        "training": {
            **asked["labels"][labels],
            "lr": rate,
            "weight_decay": 0.02,
            "ema": 0.99,
            "patience": 6,
            "augmentation": AUGMENTATION,
            "seed": seed,
        },
        "data": {part: str(shards / part) for part in ("train", "validation")},
    }
    started = time.process_time()
    result = pretrain(Recipe.model_validate(content), study.work / "equivariant", show_progress=False)
    seconds = time.process_time() - started
    if not result.finished:
        raise SystemExit(f"the training of {name} was interrupted: start again to go on")
    model, _ = load_checkpoint(result.folder / "best")
    test = figures(predict(study, model, "test"), target_of(study, "test"))
    return {"validation": result.metrics, "seen": result.seen, "cpu_seconds": seconds, "test": test}


def costs_of(study: Study, asked: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Parameters, CPU time of the exported backbone relative to the reference, and what a boost changes."""
    data = ShardDataset(study.work / "shards" / "test")
    packed = data.read(data.row_groups[:1])[0].take(np.arange(TIMED_JETS))
    runs = {}
    for name, backbone in asked["backbones"].items():
        content = {"name": name, "inputs": {"fields": FIELDS}, "backbone": backbone, "method": {"kind": "supervised"}}
        content |= {"training": {"seen": 1}, "data": {"train": "none", "validation": "none"}}
        torch.manual_seed(0)
        model = Recipe.model_validate(content).network(data.classes).build().eval()
        session, names = open_session(make_graphs(model)["backbone"]), array_names(model.level)

        def run(jets: Packed, session: Any = session, names: Any = names, level: Any = model.level) -> Any:
            arrays = pad(jets, level)
            return session.run(["embedding"], {key: arrays[key] for key in names})[0]

        runs[name] = run, sum(parameter.numel() for parameter in model.parameters())
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (run, _) in runs.items():
            started = time.process_time()
            run(packed)
            times[name].append(time.process_time() - started)
    moved = boosted(packed, data)
    found = {}
    for name, (run, parameters) in runs.items():
        before, after = run(packed), run(moved)
        ratio = float(np.median(np.array(times[name]) / np.array(times[REFERENCE])))
        shift = float(np.abs(after - before).max() / before.std())
        found[name] = {"parameters": parameters, "time": ratio, "shift": shift, "rate": TIMED_JETS / min(times[name])}
    return found


def boosted(packed: Packed, data: ShardDataset) -> Packed:
    """The jets after a boost along the beam and a rotation about it."""
    (name,) = packed.members
    members = packed.members[name]
    things = replace(members.things, values=moved(members.things.values, data.level.members[0].names))
    return replace(
        packed, values=moved(packed.values, data.level.names), members={name: replace(members, things=things)}
    )


def moved(values: np.ndarray[Any, Any], names: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Momenta after the boost and the rotation, in double precision."""
    values = values.copy()
    pt, eta, phi, mass = (
        values[:, names.index(name if name in names else f"{name}_raw")].astype(np.float64)
        for name in ("pt", "eta", "phi", "mass")
    )
    transverse = np.hypot(pt, mass)
    rapidity = np.arcsinh(pt * np.sinh(eta) / transverse) + BOOST
    values[:, names.index("eta")] = np.arcsinh(transverse * np.sinh(rapidity) / pt)
    values[:, names.index("phi")] = (phi + ANGLE + np.pi) % (2 * np.pi) - np.pi
    return values


def table(asked: dict[str, Any], rows: dict[str, Any], costs: dict[str, Any]) -> str:
    """All numbers as Markdown."""
    heads = " | ".join(f"{labels:,} labels" for labels in asked["labels"])
    about = (
        "Accuracy in percent on the test jets of the study after training from scratch, mean and standard deviation over "
        f"{asked['seeds']} sets of labels. Time: CPU time of the exported backbone in units of that of `{REFERENCE}`, median "
        f"of alternated runs of {TIMED_JETS} jets. Shift: largest change of the exported embedding (random weights) after a "
        f"boost by {BOOST} along the beam and a rotation about it, in units of the spread of the embeddings.\n"
    )
    lines = [
        "# Lorentz-equivariant networks\n",
        about,
        f"| network | parameters | {heads} | time | jets per CPU second | shift |",
        "|---|---:|" + "---:|" * (len(asked["labels"]) + 3),
    ]
    for name, row in rows.items():
        values = [np.array(row[str(labels)]) * 100 for labels in asked["labels"]]
        deviation = [f"{part.mean():.1f} ± {part.std(ddof=1) if len(part) > 1 else 0:.1f}" for part in values]
        cost = costs[name]
        lines.append(
            f"| `{name}` | {cost['parameters']:,} | {' | '.join(deviation)} | {cost['time']:.1f} | {cost['rate']:.0f} | "
            f"{cost['shift']:.1e} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
