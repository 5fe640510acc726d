"""The whole analysis as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from analysis import JUDGED
from data import events_of
from study import Study
from tables import sample_table, table

TEXT = """# HH → 4b to the limit: closure, injections and limits of each discriminant

`make benchmark-hh4b-analysis`, with the settings of `analysis.yaml`: `coffea-fm run hh4b`, then `coffea-fm limit`, 138 fb⁻¹. *mass* has no
network: the first jet is cut on its mass, the second one's is fitted. The others fit the discriminant of a network above {cut:g}; *frozen* and
*end-to-end* start from a backbone pretrained on H → bb and QCD jets, *scratch* from random weights, all with {labels:,} labelled events and one seed.
Three trainings a row leave out a third of the events each and judge it, so that every event is used. TXbb is that of the shipped
`jet-classifier-small` in all rows, without scale factors, with cuts of {first:g} on the first jet and {medium:g} and {tight:g} on the second.

This is smaller than the study of `results.md`, and made after the error of the closure was corrected: these numbers replace the earlier
ones of the whole analysis. A bin needs {least:g} effective events behind its background; the limits are those of so much simulation, far from
those of an experiment. No baseline here is proven to be converged, scratch least of all.
"""


def write_analysis(study: Study, settings: dict[str, Any], output: Path) -> None:
    """Write ``analysis.md`` from the rows that are done."""
    found = {
        name: study.result(f"fitted/{name}", dict) | (study.result(f"judged/{name}", dict) if row else {})
        for name, row in settings["rows"].items()
        if study.has(f"fitted/{name}") and (not row or study.has(f"judged/{name}"))
    }
    first, (medium, tight) = settings["processor"]["first_txbb"], settings["processor"]["txbb"]
    text = TEXT.format(cut=settings["event_cut"], labels=max(study.labels), first=first, medium=medium, tight=tight,
                       least=settings["minimal_effective_events"])  # fmt: skip
    networks = {name: content for name, content in found.items() if "figures" in content}
    signal = study.limit["signal"]
    parts = [
        text,
        f"\n## Rejections beside limits on {signal}\n",
        beside(found),
        "\n## Closure: multijet counted over predicted, κ = A D / (B C)\n",
        closure_table(found),
        *(("\nIn slices of the second jet's TXbb, from single events:\n", slices_table(networks)) if networks else ()),
        "\n## Injected signals: bias of the fitted μ\n",
        injections_table(found),
        "\n## Events\n",
        sample_table(events_of(study, JUDGED)),
        remarks(found),
    ]
    (output / "analysis.md").write_text("\n".join(parts))


def beside(found: dict[str, dict[str, Any]]) -> str:
    """1/ε_B of each network on all events, and both limits."""
    lines = []
    for name, content in found.items():
        rejections = ["", ""]
        if "figures" in content:
            rejections = [rejection(content["figures"][f"background_{at}"]) for at in (90, 50)]
        untagged = f"{content['untagged_limit']:.3g}" if "untagged_limit" in content else ""
        replicas = content["limit_error"]
        _, low, limit, high, _ = content["expected_fb"]
        lines.append([name, *rejections, untagged, f"{limit:,.0f} (+{high - limit:,.0f} -{limit - low:,.0f})", f"± {np.std(replicas, ddof=1):,.0f}" if len(replicas) > 1 else "",
                      f"{np.median(replicas):,.0f}" if replicas else "", str(sum(len(bins["background"]) for bins in content["bins"].values()))])  # fmt: skip
    columns = ["1/ε_B at ε_S = 0.9", "1/ε_B at ε_S = 0.5", "limit on μ, untagged events", "limit of the analysis, fb", "its error",
               "median of replicas, fb", "bins of A"]  # fmt: skip
    note = (
        "\nThe errors are those of so many simulated events: of the rejections from replicas of the events, of the limit from replicas of the "
        "histograms, which choose their bins anew. **Where the error is as large as the limit, the limits of two rows are not told apart.**\n"
    )
    missing = [name for name, content in found.items() if not content["injections"]]
    if missing:
        note += f"\n**Not run to the end**: injections and replicas of {', '.join(missing)}.\n"
    return table(["", *columns], lines) + note


def rejection(efficiencies: list[float]) -> str:
    """One over an efficiency, with the relative error of its replicas."""
    value, *replicas = efficiencies
    error = float(np.std(replicas)) / value**2
    digits = 1 - int(np.floor(np.log10(error)))
    return f"{round(1 / value, digits):,.0f} ± {round(error, digits):,.0f}"


def closure_table(found: dict[str, dict[str, Any]]) -> str:
    """κ, its error, its distance from 1, and the p-value of the χ² from toys, by category."""
    lines = []
    for name, content in found.items():
        for category, test in content["closure"].items():
            away = (test["ratio"] - 1) / test["error"]
            lines.append([name, category, f"{test['ratio']:.2f} ± {test['error']:.2f}", f"{away:+.1f}",
                          f"{test['p_value']:.2g}", f"{100 * test['uncertainty']:.0f}%"])  # fmt: skip
    return table(["", "category", "κ", "standard errors from 1", "p-value (toys)", "uncertainty in the fit"], lines)


def slices_table(found: dict[str, dict[str, Any]]) -> str:
    """κ by slice and network."""
    slices = next(iter(found.values()))["closure_slices"]
    names = [f"{part['from']:g} to {part['to']:g}" for part in slices]

    def cell(part: dict[str, Any]) -> str:
        return f"{part['kappa']:.2f} ± {part['error']:.2f} ({part['events']})" if part["events"] else "no event"

    lines = ([name, *map(cell, content["closure_slices"])] for name, content in found.items())
    return table(["", *names], lines) + "\nIn brackets: simulated events counted in A.\n"


def injections_table(found: dict[str, dict[str, Any]]) -> str:
    """Median minus injected μ of the toys, in units of their spread as well."""
    lines = []
    for name, content in found.items():
        for test, at in zip(
            content["injections"], ("0", "limit", "twice the limit"), strict=bool(content["injections"])
        ):
            lines.append([name, at, f"{test['injected']:.3g}", f"{test['bias']:.2g} ± {test['bias_error']:.2g}",
                          f"{test['spread']:.3g}", f"{test['at_bound']:.0%}", f"{test['fitted']}", f"{test['failed']}"])  # fmt: skip
    columns = ["injected at", "μ", "bias", "spread", "at μ = 0", "toys", "without a minimum"]
    return table(["", *columns], lines)


def remarks(found: dict[str, dict[str, Any]]) -> str:
    """What the fits warn of."""
    lines = [f"- *{name}*: {remark}" for name, content in found.items() for remark in content["remarks"]]
    return "\n## What `coffea-fm limit` remarks\n\n" + "\n".join(lines or ["Nothing."]) + "\n"
