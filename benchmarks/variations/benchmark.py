"""The cost of ten systematic variations of jets, in units of tagging the nominal ones.

Run with ``make benchmark-variations``; writes ``results.md`` beside this file. Time is the CPU time of this
single-threaded process, so that other work on the machine counts as little as possible.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents import NanoEventsFactory

import coffea_fm
from coffea_fm.files import atomic
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shipped import shipped

SHIFTS = {f"jes{index}_{way}": sign * 0.01 * index for index in range(1, 6) for way, sign in (("up", 1), ("down", -1))}
"""Ten shifts of the jet energy scale, by one to five percent."""
Varied = dict[str, ak.Array]


def load_jets(repeat: int) -> ak.Array:
    """Jets of the shipped samples, with their uncorrected momenta, several times over, in memory."""
    parts = []
    for file in sorted(shipped("samples").glob("*.root")):
        events = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, mode="eager").events()
        jets = events.FatJet
        fields = {name: jets[name] for name in ("pt", "eta", "phi", "mass", "uncorrected", "constituents")}
        parts.append(ak.zip(fields, depth_limit=2))
    return ak.to_packed(ak.concatenate(parts * repeat))


def shift(jets: ak.Array, relative: float) -> ak.Array:
    """Jets with momentum and mass scaled, as a correction tool gives them."""
    scaled = ak.with_field(jets, jets.pt * (1 + relative), "pt")
    return ak.with_field(scaled, jets.mass * (1 + relative), "mass")


def cpu_seconds(function: Callable[[], Any], repeats: int) -> float:
    """Median CPU time."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return float(np.median(times))


def measure(
    tagger: coffea_fm.Tagger, jets: ak.Array, cut: float, repeats: int
) -> dict[str, tuple[float, float, float]]:
    """Seconds for the nominal jets, with ten variations, and with a call for each, by what is varied."""
    shifted = {name: shift(jets, relative) for name, relative in SHIFTS.items()}
    selected = {name: varied[varied.pt > cut] for name, varied in shifted.items()}
    found = {}
    for what, nominal, given in (
        ("energies only", jets, shifted),
        (f"selection pT > {cut:g} GeV", jets[jets.pt > cut], selected),
    ):
        results = tagger.variations(nominal, given)
        for name, varied in list(given.items())[-1:]:
            difference = np.abs(ak.to_numpy(ak.flatten(results[name].Hbb - tagger(varied).Hbb)))
            assert np.nanmax(difference) < 1e-5, name
        found[what] = (
            cpu_seconds(lambda: tagger(nominal), repeats),  # noqa: B023 - called at once
            cpu_seconds(lambda: tagger.variations(nominal, given), repeats),  # noqa: B023
            cpu_seconds(lambda: [tagger(varied) for varied in (nominal, *given.values())], 1),  # noqa: B023
        )
        print(what, *found[what], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=1, help="how often each shipped jet is taken")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    jets = load_jets(options.repeat)
    tagger = coffea_fm.load("jet-classifier-small", threads=1)
    tagger(jets[:50])
    cut = float(np.median(ak.flatten(jets.pt)))
    found = measure(tagger, jets, round(cut, -1), options.repeats)
    lines = [
        (
            f"`make benchmark-variations` on one thread; onnxruntime {importlib.metadata.version('onnxruntime')}, coffea "
            f"{importlib.metadata.version('coffea')}; jet-classifier-small, {int(ak.count(jets.pt)):,} jets of the samples."
        ),
        (
            "Ten shifts of the energy scale by 1 to 5% up and down. CPU seconds, median; scores are those of calls of "
            "their own within 1e-5."
        ),
        "",
        "| what changes | nominal alone | nominal and 10 variations | in units of nominal | a call for each |",
        "|---|---|---|---|---|",
    ]
    for what, (nominal, varied, separate) in found.items():
        lines.append(f"| {what} | {nominal:.2f} | {varied:.2f} | {varied / nominal:.2f} | {separate / nominal:.1f} |")
    with atomic(Path(__file__).with_name("results.md")) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
