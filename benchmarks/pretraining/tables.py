"""The results of the study as CSV, tables and figures."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from claims import claims_table
from figures import draw_label_efficiency, draw_methods
from fine_tuning import LABELS_OF_CHOICE, chosen_way, losses_of_ways
from study import Study, fine_tuned
from summary import cost_of, differences_to_scratch, mean_and_error, summary_table

EMPTY = 2
"""Lines of a table without rows."""


def collected(study: Study) -> pd.DataFrame:
    """One row a measurement: encoder, way, labels, seed, sample, accuracy and auc; the chosen way is ``full``, too."""
    rows = []
    for path in sorted((study.work / "results" / "probes").glob("*.json")):
        for way, found in json.loads(path.read_text()).items():
            for key, figures in found.items():
                labels, seed = map(int, key.split("-"))
                rows.append(
                    {"encoder": path.stem, "way": way, "labels": labels, "seed": seed, "sample": "test"} | figures
                )
    for name, labels, seed, way in product(study.encoders, study.labels, range(max(study.seeds.values())), study.ways):
        path = study.work / "results" / f"{fine_tuned(name, labels, seed, way)}.json"
        for sample, figures in json.loads(path.read_text()).items() if path.exists() else ():
            if isinstance(figures, dict) and "auc" in figures:
                place = {"encoder": name, "labels": labels, "seed": seed, "sample": sample}
                rows.append(place | {"way": way} | figures)
                if way == chosen_way(study, name):
                    rows.append(place | {"way": "full"} | figures)
    return pd.DataFrame(rows)


def write_tables(study: Study, output: Path) -> None:
    """Write ``results.csv``, ``results.md`` and the figures."""
    results = collected(study)
    output.mkdir(parents=True, exist_ok=True)
    results.to_csv(output / "results.csv", index=False, float_format="%.4f")
    test = results[results["sample"] == "test"]
    sections = {
        "Accuracy on ten classes": accuracy_table(test, study),
        "Full fine-tuning: difference to scratch, jet sets paired by seed": difference_table(test, study),
        "The two ways of full fine-tuning, 1,000 labels": ways_table(test, study),
        "Labels that scratch needs for the accuracy at 1,000 labels": efficiency_table(test),
        "Full fine-tuning on 1,000 jets of this simulation, tested on another": domain_table(
            results[~results["encoder"].isin(list(study.ladder))]
        ),
        "Cost of pretraining": cost_table(study),
        "Other seeds of pretraining": pretraining_seeds(test, study),
        "Labels that the network makes itself, after 1,000 true ones": own_labels_table(study),
        "Claims of the field": claims_table(results, study),
    }
    measured = [f"## {title}\n\n{table}" for title, table in sections.items() if table.count("\n") > EMPTY]
    (output / "results.md").write_text("\n".join([introduction(study), *measured]))
    (output / "summary.md").write_text(summary_table(test, study))
    draw_label_efficiency(test, output / "label_efficiency.png")
    draw_methods(test, study, output / "methods.png")


def introduction(study: Study) -> str:
    """What was done, with which command."""
    ways = "; ".join(f"{way} {settings}" for way, settings in study.ways.items())
    return f"""# Pretraining: what it buys

`make benchmark-pretraining`. Every encoder is the same network ({study.backbone["kind"]}, dim {study.backbone["dim"]},
{study.backbone["layers"]} layers), pretrained on {study.seen:,} seen jets of the same 120,000, without labels unless it says
supervised. Means over label sets of different seeds ± standard error of the mean. These errors leave out what another
seed of pretraining changes, which has a table of its own for some encoders. *shift*: Wasserstein distance between the
scores that jets of a class have for it in the nominal test sample and in another, mean over the classes, in percent of
the range of scores; `test-again` is the same simulation once more. Rungs of the ladder have seen 100,000 jets. A fifth of the labels are validation
jets: they stop the training, and choose, at 1,000 labels, between two ways of full fine-tuning, which are tried for
every encoder: {ways}. *linear*: logistic regression on
the frozen embedding; *nearest*: nearest neighbours, 10,000 labels; *head*: a hidden layer on the frozen embedding;
*full*: all weights.
"""


def accuracy_table(test: pd.DataFrame, study: Study) -> str:
    """One row an encoder, one column a way and number of labels."""
    columns = [
        ("linear", 10_000),
        ("nearest", 10_000),
        *((way, labels) for way in ("head", "full") for labels in study.labels),
    ]
    lines = [
        "| encoder | " + " | ".join(f"{way} {labels:,}" for way, labels in columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for name in ["raw-features", *study.encoders, *study.ladder]:
        rows = test[test["encoder"] == name]
        if rows.empty:
            continue
        cells = [
            mean_and_error(rows[(rows["way"] == way) & (rows["labels"] == labels)]["accuracy"])
            for way, labels in columns
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def difference_table(test: pd.DataFrame, study: Study) -> str:
    """Points of accuracy above scratch on the same labels."""
    gains = differences_to_scratch(test)
    lines = [
        "| encoder | " + " | ".join(f"{labels:,}" for labels in study.labels) + " |",
        "|---|" + "---:|" * len(study.labels),
    ]
    for name in [name for name in study.encoders if name in gains]:
        cells = [
            mean_and_error(gains.loc[labels, name].dropna()) if labels in gains.index.get_level_values(0) else ""
            for labels in study.labels
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def ways_table(test: pd.DataFrame, study: Study) -> str:
    """Accuracy and validation loss of each way, and which the validation jets choose."""
    lines = ["| encoder | " + " | ".join(f"{way} | validation loss" for way in study.ways) + " | chosen |"]
    lines.append("|---|" + "---:|" * 2 * len(study.ways) + "---|")
    for name in study.encoders:
        rows = test[(test["encoder"] == name) & (test["labels"] == LABELS_OF_CHOICE)]
        found = {way: rows[rows["way"] == way]["accuracy"] for way in study.ways}
        if all(len(accuracies) for accuracies in found.values()):
            losses = losses_of_ways(study, name)
            cells = [f"{mean_and_error(found[way])} | {losses[way]:.3f}" for way in study.ways]
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {chosen_way(study, name)} |")
    return "\n".join(lines) + "\n"


def efficiency_table(test: pd.DataFrame) -> str:
    """Labels that scratch needs, interpolated in the logarithm of the number of labels."""
    full = test[test["way"] == "full"].groupby(["encoder", "labels"])["accuracy"].mean().unstack()
    if "scratch" not in full.index:
        return ""
    scratch = full.loc["scratch"].dropna()
    lines = ["| encoder | accuracy at 1,000 labels | labels from scratch | ratio |", "|---|---:|---:|---:|"]
    for name in full.index.drop("scratch"):
        accuracy = full.loc[name].get(LABELS_OF_CHOICE, np.nan)
        if np.isnan(accuracy):
            continue
        within = scratch.min() <= accuracy <= scratch.max()
        needed = 10 ** np.interp(accuracy, scratch.to_numpy(), np.log10(scratch.index.to_numpy(dtype=float)))
        sign = "" if within else ("> " if accuracy > scratch.max() else "< ")
        lines.append(f"| {name} | {100 * accuracy:.1f} | {sign}{needed:,.0f} | {sign}{needed / LABELS_OF_CHOICE:.1f} |")
    return "\n".join(lines) + "\n"


def domain_table(results: pd.DataFrame) -> str:
    """Accuracy on each sample after fine-tuning in the chosen way, and how far its scores have moved."""
    full = results[(results["way"] == "full") & (results["labels"] == LABELS_OF_CHOICE)]
    samples = list(dict.fromkeys(full["sample"]))
    columns = [("accuracy", sample) for sample in samples] + [("shift", sample) for sample in samples[1:]]
    lines = ["| encoder | " + " | ".join(f"{figure}, {sample}" for figure, sample in columns) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for name, rows in full.groupby("encoder", sort=False):
        cells = [mean_and_error(rows[rows["sample"] == sample][figure]) for figure, sample in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cost_table(study: Study) -> str:
    """Minutes of one core that each pretraining took."""
    lines = ["| encoder | seen jets | core-minutes | jets/s of a core |", "|---|---:|---:|---:|"]
    for name in study.encoders:
        cost = cost_of(study, name)
        if cost:
            minutes = cost["core_minutes"]
            taken = (
                f"{minutes:.1f} | {cost['seen'] / (60 * minutes):,.0f}" if minutes else "not measured: interrupted |"
            )
            lines.append(f"| {name} | {cost['seen']:,} | {taken} |")
    return "\n".join(lines) + "\n"


def pretraining_seeds(test: pd.DataFrame, study: Study) -> str:
    """Encoders that were pretrained with several seeds: the mean of each pretraining, and their spread."""
    again = {name: name.partition("-again-")[0] for name in study.encoders if "-again-" in name}
    lines = ["| encoder | way | labels | each pretraining | mean ± error |", "|---|---|---:|---|---:|"]
    for base in dict.fromkeys(again.values()):
        names = [base, *(name for name, of in again.items() if of == base)]
        for way, labels in (("linear", 10_000), ("full", 100), ("full", 1_000), ("full", 10_000)):
            rows = test[test["encoder"].isin(names) & (test["way"] == way) & (test["labels"] == labels)]
            means = rows.groupby("encoder")["accuracy"].mean()
            each = ", ".join(f"{100 * mean:.1f}" for mean in means)
            lines.append(f"| {base} | {way} | {labels:,} | {each} | {mean_and_error(means)} |")
    return "\n".join(lines) + "\n"


def own_labels_table(study: Study) -> str:
    """Accuracy before and after a network learns its own scores of the unlabelled jets."""
    found: dict[str, list[dict[str, float]]] = {}
    for path in sorted((study.work / "results" / "pseudo-labels").glob("*.json")):
        accuracies = {part: figures["accuracy"] for part, figures in json.loads(path.read_text()).items()}
        found.setdefault(path.stem.rpartition("-")[0], []).append(accuracies)
    lines = ["| start | 1,000 labels | then its own labels | gain, paired |", "|---|---:|---:|---:|"]
    for name, rows in found.items():
        before, after = (pd.Series([row[part] for row in rows]) for part in ("teacher", "student"))
        lines.append(
            f"| {name} | {mean_and_error(before)} | {mean_and_error(after)} | {mean_and_error(after - before)} |"
        )
    return "\n".join(lines) + "\n"
