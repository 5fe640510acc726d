"""Check the weights of simulated multijet events at the level of jets.

    OMP_NUM_THREADS=1 python benchmarks/simulation/hh4b_weights.py

writes hh4b_weights.md beside this file: cross sections of jets in bins of transverse momentum from the flattened and
the physical spectrum, and cross sections by number of b jets from the inclusive and the enriched sample. The few such
events of the inclusive sample cannot tell their own error: it is scaled from that of the enriched one.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import awkward as ak
import numpy as np

from coffea_fm.simulation.hh4b.generator import cross_section
from coffea_fm.simulation.hh4b.sample import simulate_events

HERE = Path(__file__).parent
PT_EDGES = np.array([200.0, 250.0, 300.0, 400.0, 500.0, 800.0])


def simulated(name: str, n_events: int, *, flat: bool) -> tuple[ak.Array, np.ndarray]:
    """Events and the cross section of each, nb."""
    parts: list[ak.Array] = []
    for part in simulate_events(name, seed=11, index=0, flat=flat):
        parts.append(part)
        if sum(map(len, parts)) >= n_events:
            break
    events = ak.concatenate(parts)
    return events, ak.to_numpy(events.weight) * cross_section(name)[0] / events.tried_weight[-1] / 1000


def summed(chosen: np.ndarray, section: np.ndarray) -> tuple[float, float]:
    """Sum of the cross sections of the chosen events, and its error."""
    return float(section[chosen].sum()), float(np.sqrt((section[chosen] ** 2).sum()))


def row(title: str, one: tuple[float, float], other: tuple[float, float]) -> str:
    pull = (one[0] - other[0]) / max(np.hypot(one[1], other[1]), 1e-30)
    return f"| {title} | {one[0]:.4g} ± {one[1]:.2g} | {other[0]:.4g} ± {other[1]:.2g} | {pull:+.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000, help="events of each sample")
    n_events = parser.parse_args().events
    events, section = simulated("QCD", n_events, flat=True)
    physical, physical_section = simulated("QCD", n_events, flat=False)
    enriched, enriched_section = simulated("QCDbb", n_events, flat=True)

    lines = ["# Weights of simulated multijet events", "", "Leading large jet [nb a bin]:", ""]
    lines += ["| pT [GeV] | flattened | physical | pull |", "|---|---|---|---|"]
    leading, leading_physical = (
        ak.to_numpy(ak.fill_none(ak.max(sample.large.pt, axis=1), 0.0)) for sample in (events, physical)
    )
    for low, high in pairwise(PT_EDGES):
        chosen = (leading >= low) & (leading < high), (leading_physical >= low) & (leading_physical < high)
        lines.append(row(f"{low:g} to {high:g}", summed(chosen[0], section), summed(chosen[1], physical_section)))

    lines += ["", "Events with two b quarks (`genTwoB`) by number of small b jets above 40 GeV [nb]:", ""]
    lines += ["| b jets | inclusive | enriched | pull |", "|---|---|---|---|"]
    n_b, n_b_enriched = (
        ak.to_numpy(ak.sum((sample.small.n_b_hadrons > 0) & (sample.small.pt > 40), axis=1))
        for sample in (events, enriched)
    )
    two_b = ak.to_numpy(events.two_b)
    wider = np.sqrt(enriched.tried_weight[-1] / events.tried_weight[-1])  # same process, fewer hard processes tried
    for number in range(4):
        one, other = (n == number if number < 3 else n >= number for n in (n_b, n_b_enriched))
        expected = summed(other, enriched_section)
        lines.append(row(f"{number}", (summed(one & two_b, section)[0], wider * expected[1]), expected))
    tagged = n_b >= 2
    share = summed(tagged & two_b, section)[0] / summed(tagged, section)[0]
    lines += ["", f"Of the inclusive events with two b jets or more, {100 * share:.0f}% have two b quarks so defined."]
    text = "\n".join(lines).replace("| 3 |", "| 3 or more |") + "\n"
    (HERE / "hh4b_weights.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
