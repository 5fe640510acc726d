"""The main numbers of each encoder in one table, and what it is made of."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from fine_tuning import LABELS_OF_CHOICE
from study import Study


def summary_table(test: pd.DataFrame, study: Study) -> str:
    """The main numbers of each encoder, for a page of the documentation; see `docs/generate.py`."""
    columns = [("linear", 10_000), *(("full", labels) for labels in study.labels)]
    lines = [
        "| encoder | pretraining, core-minutes | frozen, linear probe, 10,000 labels | "
        + " | ".join(f"fine-tuned, {labels:,} labels" for labels in study.labels)
        + f" | gain over scratch, {LABELS_OF_CHOICE:,} labels |",
        "|---|" + "---:|" * (len(columns) + 2),
    ]
    gains = differences_to_scratch(test)
    for name in (name for name, asked in study.encoders.items() if "of" not in asked):
        rows = test[test["encoder"] == name]
        if rows.empty:
            continue
        minutes = cost_of(study, name).get("core_minutes")
        cells = [
            mean_and_error(rows[(rows["way"] == way) & (rows["labels"] == labels)]["accuracy"])
            for way, labels in columns
        ]
        gain = mean_and_error(gains.loc[LABELS_OF_CHOICE, name].dropna()) if name in gains else ""
        lines.append(f"| `{name}` | {f'{minutes:.1f}' if minutes else ''} | {' | '.join(cells)} | {gain} |")
    return "\n".join(lines) + "\n"


def differences_to_scratch(test: pd.DataFrame) -> pd.DataFrame:
    """Differences of accuracy after full fine-tuning, by number and set of labels (rows) and encoder; none without scratch."""
    full = test[test["way"] == "full"].pivot_table(index=["labels", "seed"], columns="encoder", values="accuracy")
    return full.drop(columns="scratch").sub(full["scratch"], axis=0) if "scratch" in full else pd.DataFrame()


def cost_of(study: Study, name: str) -> dict[str, Any]:
    """Jets seen and core-minutes of a pretraining; empty if there was none."""
    path = study.work / "results" / "costs" / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def mean_and_error(values: pd.Series) -> str:
    """In percent; without an error for one seed, nothing for none."""
    if not len(values):
        return ""
    mean = 100 * values.mean()
    return f"{mean:.1f} ± {100 * values.sem():.1f}" if len(values) > 1 else f"{mean:.1f}"
