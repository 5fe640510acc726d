"""The figures of the study: accuracy against labels for some encoders, and all methods side by side."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib import pyplot as plt
from study import Study

mpl.use("Agg")

DRAWN = {
    "scratch": {"color": "black"},
    "scratch-pairs": {"color": "black", "ls": "--"},
    "random": {"color": "grey", "ls": "--"},
    "raw-features": {"color": "grey", "ls": ":"},
    "mpm-v2": {"color": "C0"},
    "mpm-v2-long": {"color": "C0", "ls": "--"},
    "next-token": {"color": "C1"},
    "ssfm": {"color": "C2"},
    "dino": {"color": "C3"},
    "moco": {"color": "C4"},
    "supervised": {"color": "C8"},
}
"""Encoders whose accuracy is drawn against labels: one a family, and the references."""
COLOURS = {"no pretraining": "black", "pretrained without labels": "C0", "labels in the pretraining": "C8"}


def draw_label_efficiency(test: pd.DataFrame, path: Path) -> None:
    """Accuracy against the number of labels."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 5), sharey=True)
    for axis, way, title in (
        (axes[0], "head", "frozen encoder, head with a hidden layer"),
        (axes[1], "full", "all weights fine-tuned"),
    ):
        for name, style in DRAWN.items():
            rows = test[(test["way"] == way) & (test["encoder"] == name)].groupby("labels")["accuracy"]
            if rows.ngroups:
                axis.errorbar(
                    rows.mean().index, 100 * rows.mean(), 100 * rows.sem(), marker="o", ms=4, label=name, **style
                )
        axis.set(xscale="log", xlabel="labelled jets", title=title)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, ncols=2, loc="lower right")
    axes[0].set_ylabel("accuracy among ten classes (%)")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_methods(test: pd.DataFrame, study: Study, path: Path) -> None:
    """Every encoder of the table: line on the frozen embedding, and all weights fine-tuned, beside what no pretraining gives."""
    panels = (("linear", 10_000, "random", "line on the frozen embedding, 10,000 labels"), ("full", 1_000, "scratch", "all weights fine-tuned, 1,000 labels"))  # fmt: skip
    accuracies = test.groupby(["way", "labels", "encoder"])["accuracy"].agg(["mean", "sem"]) * 100
    names = [name for name in study.encoders if "of" not in study.encoders[name] and name in set(test["encoder"])]
    if not all((way, labels, reference) in accuracies.index for way, labels, reference, _ in panels):
        return
    names.sort(key=lambda name: accuracies["mean"].get(("full", 1_000, name), 0.0))
    figure, axes = plt.subplots(1, 2, figsize=(10, 1 + 0.27 * len(names)), sharey=True)
    for axis, (way, labels, reference, title) in zip(axes, panels, strict=True):
        for place, name in enumerate(names):
            if (way, labels, name) in accuracies.index:
                mean, error = accuracies.loc[way, labels, name]
                axis.errorbar(mean, place, xerr=error, marker="o", ms=5, color=COLOURS[kind_of(study, name)])
        mean = accuracies.loc[way, labels, reference]["mean"]
        axis.axvline(mean, color=COLOURS["no pretraining"], lw=1, ls="--")
        axis.set(xlabel="accuracy among ten classes (%)", title=title, yticks=range(len(names)), yticklabels=names)
        axis.grid(alpha=0.3, axis="x")
    kinds = [plt.Line2D([], [], marker="o", ls="", color=colour, label=kind) for kind, colour in COLOURS.items()]
    axes[1].legend(handles=kinds, fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def kind_of(study: Study, name: str) -> str:
    """Whether labels were used to pretrain an encoder."""
    if "recipe" not in study.encoders[name]:
        return "no pretraining"
    return "labels in the pretraining" if name.startswith(("supervised", "omnilearn")) else "pretrained without labels"
