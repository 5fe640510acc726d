"""The results of the study as CSV, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from data import events_of
from plots import label_efficiency, per_mass
from results import Estimate, Results, Row, stacked
from scipy.stats import spearmanr
from study import UNTRAINED, Study
from targets import FEW, SCRATCH, factor, targets_table
from test_sample import TestSample, effective_number

CARRIED = """
**Do rejections carry to the limit?** Rank correlation of the rejection at ε_S = 0.9 with the limit (1: who rejects more has the better limit):
{correlations}.
With few labels they carry in part; with 3,000 and more they do not: rows that reject more than scratch gain less in the limit, or lose.
One reason is the test sample: each bin needs {effective_events} effective background events, so a row that rejects more than these can follow gains
nothing. Only a larger simulation can tell how much is left without it.
"""


def write_tables(study: Study, output: Path) -> None:
    """Write ``results.csv``, ``results.md`` and the figures."""
    results, labels = Results(study), study.labels
    output.mkdir(parents=True, exist_ok=True)
    results.frame().to_csv(output / "results.csv", index=False, float_format="%.5g")
    parts = [
        introduction(study),
        unfinished(results),
        "## Targets\n",
        targets_table(results),
        "\n## Background rejection 1/ε_B at ε_S = 0.9, by labelled events\n",
        by_labels(results, lambda row, number: shown(results.rejection(row, number, "90"))),
        "\n## Background rejection 1/ε_B at ε_S = 0.5, by labelled events\n",
        by_labels(results, lambda row, number: shown(results.rejection(row, number, "50"))),
        "\n## Expected limit on μ in these events, by labelled events\n",
        by_labels(results, lambda row, number: shown(results.estimate(row, number, "limit"))),
        "\n## Rejection at ε_S = 0.9 over that of scratch with as many labels\n",
        by_labels(results, lambda row, number: over_scratch(results, row, number)),
        "\n## Limit of scratch with as many labels over that of the row: above 1 is better than scratch\n",
        by_labels(results, lambda row, number: scratch_over(results, row, number)),
        carried(results),
        "\n## Labels that scratch needs for the rejection at ε_S = 0.9\n",
        efficiency_table(results),
        *(
            f"\n## Further figures with {number:,} labels\n\n{further_table(results, number)}"
            for number in (FEW, max(labels))
        ),
        "\n## Test events\n",
        sample_table(events_of(study, "test")),
    ]
    (output / "results.md").write_text("\n".join(parts))
    label_efficiency(results, output / "label_efficiency.png")
    per_mass(results, output / "per_mass.png")


def introduction(study: Study) -> str:
    """What was done, with which command."""
    train = TestSample.read(events_of(study, "train"))
    background = train.weight[~train.signal]
    effective = [effective_number(background ** (power / study.weight_power)) for power in (study.weight_power, 1.0)]
    jets = study.jets["samples"]["train"]
    return f"""# HH → 4b: what a pretrained jet backbone buys an analysis

`make benchmark-hh4b`. X → HH → 4b of 600 to 2000 GeV, and of a broad mass, against multijet and tt̄, in events with two
large jets above 250 GeV and soft-drop masses above 30 GeV. Every row has the same network ({study.backbone["kind"]}, dim
{study.backbone["dim"]}, {study.backbone["layers"]} layers, DeepSets over jets) and the same labelled events. A fifth of the labels are
validation events: they stop the training, and with {study.rates_at:,} labels they choose the learning rates of each row among
four. Scratch and frozen rows see twice the events that end-to-end rows see. **The baselines are not converged:** scratch uses 97 to 100% of its
events, at the largest rate of its grid; each pretraining has one seed. Ratios to scratch are upper bounds of what pretraining gains.

Backbones are pretrained on {study.pretraining["seen"]:,} seen jets of 250 to 1500 GeV: *ten-classes* and *self-supervised* (masked
particle modelling) on all of the sample, *hbb* on its {jets["Hbb"]:,} H → bb and {jets["QCD"]:,} QCD jets, *hbb-few* on
{2 * study.jets["few"] * jets["per_file"]:,} of these; *none* is random.

**Weights.** Figures of merit weight the background by cross section, as an analysis does. Trainings use these weights to the power
{study.weight_power:g}: of the {len(background):,} background events to train on, {effective[0]:,.0f} are effective with it and {effective[1]:,.0f} without. W and
Z bosons with jets, less than 1‰ of multijet, are left out.

**Errors** are those of the mean over {study.seeds} seeds (other labelled events, other initial weights) in quadrature with those of the
test events, from {study.replicas} bootstrap replicas, the same for all rows; ratios are formed in each replica.

The **limit** is a fit of the discriminant in these untagged events, with {100 * study.limit["background"]:.0f}% uncertainty of the background in each bin,
for {study.limit["signal"]} at 138 fb⁻¹: it compares rows, and is not the limit of the analysis, which has tagged regions (`analysis.md`). Its error is that of
the seeds. Each bin has at least {study.limit["effective_events"]} effective background events: where a row rejects more than the test sample can follow, its
limit stays behind. **S/√B** is that of {study.limit["signal"]} (10 fb) at ε_S = 0.9 with both masses between 100 and 150 GeV. **Sculpting** is the
Jensen-Shannon divergence (bits) between the second jet's mass of all background and of what passes at ε_S = 0.5.
"""


def unfinished(results: Results) -> str:
    """What is not measured yet, of a study that is under way."""
    lacking = [setting for setting in results.study.settings() if setting not in results.measured]
    if not lacking:
        return ""
    ways = sorted({f"{setting.way} (seed {setting.seed})" for setting in lacking})
    return f"**Under way**: {len(lacking)} of {len(results.study.settings())} settings are not measured yet: {', '.join(ways)}.\n"


def shown(estimate: Estimate) -> str:
    """A number with its error, rounded to two digits of the error."""
    if np.isnan(estimate.value):
        return ""
    decimals = 1 - int(np.floor(np.log10(estimate.error))) if estimate.error > 0 else 2
    value, error = (f"{round(number, decimals):,.{max(decimals, 0)}f}" for number in (estimate.value, estimate.error))
    return f"{value} ± {error}"


def over_scratch(results: Results, row: Row, labels: int) -> str:
    """Ratio of rejections with as many labels."""
    ratio = results.ratio((row, labels), (SCRATCH, labels))
    return "" if row == SCRATCH or np.isnan(ratio.value) else factor(ratio)


def scratch_over(results: Results, row: Row, labels: int) -> str:
    """Ratio of limits with as many labels, paired by seed."""
    limits, scratch = (results.by_seed(which, labels, "limit") for which in (row, SCRATCH))
    ratio = Estimate.of(stacked(np.log(scratch[seed] / limits[seed]) for seed in limits if seed in scratch))
    return "" if row == SCRATCH or np.isnan(ratio.value) else factor(ratio)


def carried(results: Results) -> str:
    """Whether rows that reject more have better limits, by labelled events: rank correlation without the random backbone."""
    cells = []
    for labels in results.study.labels:
        rows = [row for row in results.rows if row.start != UNTRAINED or row == SCRATCH]
        pairs = [
            (results.rejection(row, labels, "90").value, results.estimate(row, labels, "limit").value) for row in rows
        ]
        known = np.array([pair for pair in pairs if np.isfinite(pair).all()])
        if len(known) > 2:
            cells.append(
                f"{spearmanr(known[:, 0], -known[:, 1]).statistic:.2f} with {labels:,} labels ({len(known)} rows)"
            )
    return CARRIED.format(correlations=", ".join(cells), **results.study.limit) if cells else ""


def by_labels(results: Results, cell: Callable[[Row, int], str]) -> str:
    """One line a row of the study, one column a number of labels."""
    labels = results.study.labels
    return table(["", *(f"{number:,}" for number in labels)],
                 ([str(row), *(cell(row, number) for number in labels)] for row in results.rows))  # fmt: skip


def further_table(results: Results, labels: int) -> str:
    """AUC, significance, limit and sculpting."""
    figures = {"AUC": "auc", "S/√B": "significance", "limit on μ": "limit", "sculpting": "sculpting"}
    lines = (
        [str(row), *(shown(results.estimate(row, labels, name)) for name in figures.values())] for row in results.rows
    )
    return table(["", *figures], (line for line in lines if any(line[1:])))


def efficiency_table(results: Results) -> str:
    """Labels that scratch needs, interpolated in the logarithm of the number of labels."""
    known = [(number, results.rejection(SCRATCH, number, "90").value) for number in results.study.labels]
    numbers, best = np.array([(n, value) for n, value in known if np.isfinite(value)]).reshape(-1, 2).T
    best = np.maximum.accumulate(best)

    def cell(row: Row, labels: int) -> str:
        value = results.rejection(row, labels, "90").value
        if row == SCRATCH or np.isnan(value) or not len(best):
            return ""
        sign = "> " if value > best[-1] else "< " if value < best[0] else ""
        return f"{sign}{np.exp(np.interp(value, best, np.log(numbers))):,.0f}"

    return by_labels(results, cell)


def sample_table(events: Path) -> str:
    """Events of a folder, effective and expected ones, by process."""
    sample = TestSample.read(events)
    names = [*sample.signals, *(str(name) for name in np.unique(sample.process[~sample.signal]))]
    weights = {name: sample.weight[sample.process == name] for name in names}
    lines = (
        [name, f"{len(of):,}", f"{effective_number(of):,.0f}", f"{of.sum():.3g}"]
        for name, of in (weights | {"all background": sample.weight[~sample.signal]}).items()
    )
    return table(["", "events", "effective", "expected at 138 fb⁻¹"], lines)


def table(header: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Markdown, the first column to the left."""
    names = list(header)
    head = [f"| {' | '.join(names)} |", "|---|" + "---:|" * (len(names) - 1)]
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"
