"""Measure simulated HH -> 4b events per second of one core, process by process.

    OMP_NUM_THREADS=1 python benchmarks/simulation/hh4b_speed.py

writes hh4b_speed.md beside this file. Time is the processor's (user and system), from events to the written file;
starting Pythia and integrating the cross section (some two seconds a file) is listed apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import awkward as ak

from coffea_fm.simulation.hh4b.generator import cross_section
from coffea_fm.simulation.hh4b.nano import write_events
from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES
from coffea_fm.simulation.hh4b.sample import simulate_events

HERE = Path(__file__).parent
TARGET = 15


def measure(name: str, n_events: int) -> tuple[float, str]:
    """Events per second, and the row of the table."""
    start = time.process_time()
    section = cross_section(name)
    batches = simulate_events(name, seed=5, index=0)
    parts = [next(batches)]
    first = time.process_time()
    n_first = len(parts[0])
    while sum(map(len, parts)) - n_first < n_events:
        parts.append(next(batches))
    events = ak.concatenate(parts)
    made = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.root"
        write_events(path, events, 0, 1, section)
        size = path.stat().st_size / len(events)
    written = time.process_time()
    weights = ak.to_numpy(events.weight)
    accepted = section[0] * weights.sum() / events.tried_weight[-1]
    rate = 1 / ((made - first) / (len(events) - n_first) + (written - made) / len(events))
    effective = weights.sum() ** 2 / (weights**2).sum() / len(events)
    return rate, (
        f"| {name} | {rate:.0f} | {first - start:.1f} | {size:.0f} | {section[0]:.4g} | {accepted:.3g} | "
        f"{len(events) / events.tried[-1]:.3f} | {effective:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300, help="events of each process")
    arguments = parser.parse_args()
    rates, rows = zip(*(measure(name, arguments.events) for name in EVENT_PROCESSES), strict=True)
    mixed = len(rates) / sum(1 / rate for rate in rates)
    text = (
        "# Simulated HH -> 4b events per second of one core, underlying event on, files written\n\n"
        "| process | events/s | start [s] | bytes/event | cross section [pb] | selected [pb] | selected of all tried | "
        "effective events of one |\n|---|---|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n\n"
        f"Processes equally mixed (harmonic mean): {mixed:.0f} events/s; slowest {min(rates):.0f}. Target: {TARGET}.\n"
    )
    (HERE / "hh4b_speed.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
