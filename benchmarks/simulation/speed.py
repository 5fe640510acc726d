"""Measure simulated jets per second of one core, class by class.

    OMP_NUM_THREADS=1 python benchmarks/simulation/speed.py

writes speed.md beside this file. Time is the processor's (user and system), from events to jets in memory; starting
Pythia (about half a second a file) and writing (about 1 ms a jet) are listed apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import awkward as ak

from coffea_fm.classes import JET_CLASSES
from coffea_fm.simulation.nano import write_nano
from coffea_fm.simulation.sample import simulate

HERE = Path(__file__).parent


def measure(name: str, pt_range: tuple[float, float], n_jets: int) -> tuple[float, float, float, float]:
    """Seconds to start with the first batch, seconds a jet after it, seconds a jet to write, bytes a jet."""
    start = time.process_time()
    batches = simulate(name, pt_range, seed=5, index=0)
    jets = [next(batches)]
    first = time.process_time()
    while sum(len(batch) for batch in jets[1:]) < n_jets:
        jets.append(next(batches))
    made = time.process_time()
    everything = ak.concatenate(jets)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jets.root"
        write_nano(path, everything, 1, 1)
        size = path.stat().st_size
    written = time.process_time()
    n_made = sum(len(batch) for batch in jets[1:])
    return first - start, (made - first) / n_made, (written - made) / len(everything), size / len(everything)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jets", type=int, default=500, help="jets of each class")
    parser.add_argument("--pt", type=float, nargs=2, default=(500.0, 1000.0))
    arguments = parser.parse_args()
    pt_range = (arguments.pt[0], arguments.pt[1])
    rows = {name: measure(name, pt_range, arguments.jets) for name in JET_CLASSES}
    per_jet = [made + write for _, made, write, _ in rows.values()]
    harmonic, arithmetic = len(rows) / sum(per_jet), sum(1 / t for t in per_jet) / len(rows)
    lines = [
        f"| {name} | {1 / made:.0f} | {1 / (made + write):.0f} | {1e3 * write:.2f} | {first:.1f} | {size:.0f} |"
        for name, (first, made, write, size) in rows.items()
    ]
    text = (
        f"# Simulated jets per second of one core, {pt_range[0]:g} to {pt_range[1]:g} GeV, underlying event on\n\n"
        "| class | jets/s | jets/s with writing | writing [ms/jet] | start and first batch [s] | bytes/jet |\n"
        "|---|---|---|---|---|---|\n" + "\n".join(lines) + f"\n\nWith writing, classes equally mixed (harmonic mean): "
        f"{harmonic:.0f} jets/s; arithmetic mean over classes: {arithmetic:.0f} jets/s. Target: 50.\n"
    )
    (HERE / "speed.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
