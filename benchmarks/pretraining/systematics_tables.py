"""The table of the study of systematics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from claims import Difference
from tables import mean_and_error

SCRATCH = "scratch"
CONTROL = "domain-adversarial 0.0"
"""Its last checkpoint is judged, as that of the others of its kind, and not the best."""
COMPARED = (
    ("mpm-v2 on data", "mpm-v2 on simulation"),
    ("rino on data", "rino on simulation"),
    ("mpm-v2 on data", SCRATCH),
    ("rino on data", SCRATCH),
    ("rs3l on pairs", SCRATCH),
    (CONTROL, SCRATCH),
    ("domain-adversarial 0.3", CONTROL),
    ("domain-adversarial 1.0", CONTROL),
)
"""Rows whose differences answer the questions."""


def write_systematics(found: list[dict[str, Any]], rows: list[str], shares: dict[str, float], output: Path) -> None:
    """Write ``systematics.md``."""
    results = pd.json_normalize(found)
    parts = [introduction(results, shares), results_table(results, rows), "\n## Differences, paired by seed\n"]
    parts += [EXPLAINED, differences_table(results)]
    output.mkdir(parents=True, exist_ok=True)
    (output / "systematics.md").write_text("\n".join(parts))


def introduction(results: pd.DataFrame, shares: dict[str, float]) -> str:
    """What was done, with which command."""
    mixture = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return f"""# Pretraining on data that the simulation does not describe

`make benchmark-systematics`: {results["seed"].nunique()} seeds, {results["core_minutes"].sum():.0f} core-minutes without the simulation of jets. The "data" are jets of
another tune and another detector, for pretraining in the mixture {mixture}. Encoders are
pretrained on data or on simulation, and fine-tuned on labelled simulation. Test jets of the data have equal fractions of
classes. *shift*: Wasserstein distance between the scores that jets of a class have for it in simulation and data, mean over the
classes; *floor*: the same between two samples of the simulation; *domain accuracy*: of the
network that tells data from simulation by the embedding, at the end of the domain-adversarial training. All in percent, means over seeds (of pretraining and labels
together) ± standard error.
"""


def results_table(results: pd.DataFrame, rows: list[str]) -> str:
    """One row an encoder."""
    columns = [
        "simulation.accuracy",
        "data.accuracy",
        "simulation.auc",
        "data.auc",
        "shift",
        "floor",
        "domain_accuracy",
    ]
    heads = [*(column.replace(".", ", ").replace("_", " ") for column in columns), "core-minutes"]
    lines = [f"| encoder | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for row in rows:
        chosen = results[results["row"] == row]
        cells = [mean_and_error(chosen[column].dropna()) for column in columns] + [
            f"{chosen['core_minutes'].mean():.1f}"
        ]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


EXPLAINED = """Points of percent. *gap*: change of the AUC lost from simulation to data; negative is better. *AUC, simulation* is the price.
A difference holds if it exceeds two standard errors.
"""


def differences_table(results: pd.DataFrame) -> str:
    """One row a question."""
    results = results.assign(gap=results["simulation.auc"] - results["data.auc"])
    columns = {"accuracy, data": "data.accuracy", "AUC, data": "data.auc", "AUC, simulation": "simulation.auc"}
    columns |= {"gap": "gap", "shift": "shift"}
    lines = [f"| | {' | '.join(columns)} | on data, by accuracy |", "|---|" + "---:|" * len(columns) + "---|"]
    for first, second in COMPARED:
        found = {head: difference(results, first, second, column) for head, column in columns.items()}
        cells = [str(change) for change in found.values()]
        lines.append(f"| {first} - {second} | {' | '.join(cells)} | {found['accuracy, data'].verdict} |")
    return "\n".join(lines) + "\n"


def difference(results: pd.DataFrame, first: str, second: str, column: str) -> Difference:
    """How much larger a column is for the first row, paired by seed."""
    left, right = (results[results["row"] == row].set_index("seed")[column] for row in (first, second))
    change = 100 * (left - right).dropna()
    return Difference(float(change.mean()), float(change.sem()))
