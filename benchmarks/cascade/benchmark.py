"""Jets per second and rejection of a cascade beside those of its large network alone, on jets that are mostly QCD.

Run with ``make benchmark-cascade JETS=raw``; writes ``results.md`` beside this file. `JETS` is a folder that ``coffea-fm
simulate jets raw --jets-per-class 6000 --jets-per-file 2000 --seed 41`` wrote. The first two files of Hbb and of QCD choose
the cut. Time is the CPU time of this single-threaded process. The network of ParT's size has random weights, which change
its speed in nothing, so that only the trained pair tells the rejection.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import awkward as ak
import numpy as np
import torch
from coffea.nanoevents import NanoEventsFactory

import coffea_fm
from coffea_fm.bundle import Provenance
from coffea_fm.classes import JET_CLASSES
from coffea_fm.export import export_model
from coffea_fm.files import atomic
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.tokens.pack import pack

SIGNAL_SHARE = 0.01
"""Fraction of signal in the sample that is timed."""


def load_jets(file: Path) -> ak.Array:
    """Jets of a file, flat and in memory."""
    events = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, mode="eager").events()
    jets = ak.flatten(events.FatJet)
    fields = {name: jets[name] for name in ("pt", "eta", "phi", "mass", "uncorrected", "constituents")}
    return ak.to_packed(ak.zip(fields, depth_limit=1))


def part_size(small: coffea_fm.Tagger, jets: ak.Array, folder: Path) -> coffea_fm.Tagger:
    """A network of the size of ParT with random weights."""
    torch.manual_seed(0)
    level = small.manifest.level
    network = NetworkConfig(
        level=level, backbone=ParticleTransformerConfig(), head=ClassificationHeadConfig(), classes=JET_CLASSES
    )
    export_model(network.build(), pack(jets[:500], level)[0], folder, provenance=Provenance(), card="")
    return coffea_fm.load(folder, threads=1)


def jets_per_second(tagger: coffea_fm.BaseTagger, jets: ak.Array) -> float:
    """Of CPU time."""
    tagger(jets[:20])
    start = time.process_time()
    tagger(jets)
    return len(jets) / (time.process_time() - start)


def efficiencies(tagger: coffea_fm.BaseTagger, jets: ak.Array, point: str) -> np.ndarray:
    """Which jets pass a working point."""
    return np.asarray(ak.to_numpy(tagger.passes(jets, point)))


def with_error(passed: np.ndarray) -> str:
    fraction, n = float(passed.mean()), len(passed)
    return f"{fraction:.4f} ± {np.sqrt(fraction * (1 - fraction) / n):.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jets", type=Path, help="folder of simulated jets")
    options = parser.parse_args()
    parts = {name: [load_jets(file) for file in sorted(options.jets.glob(f"{name}_*.root"))] for name in ("Hbb", "QCD")}
    chosen_on = ak.concatenate([part for files in parts.values() for part in files[:-1]])
    is_signal = np.arange(len(chosen_on)) < sum(map(len, parts["Hbb"][:-1]))
    signal, background = parts["Hbb"][-1], ak.concatenate(parts["QCD"])
    mixed = ak.concatenate([parts["QCD"][-1], signal[: int(SIGNAL_SHARE * len(parts["QCD"][-1]))]])
    small = coffea_fm.load("jet-classifier-small", threads=1)
    pairs = coffea_fm.load("jet-classifier-small-pairs", threads=1)
    lines = [
        (
            "`make benchmark-cascade` on one thread; CPU time. The jets are simulated "
            "at 500 to 1000 GeV, and no network was trained on them."
        ),
        "",
        f"Jets per second on {len(mixed):,} jets, {SIGNAL_SHARE:.0%} of them Hbb and the others QCD:",
        "",
        "| small network | large network | keep | cut | signal loss | QCD kept | large alone | cascade | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    points = []
    with tempfile.TemporaryDirectory() as folder:
        part = part_size(small, background, Path(folder) / "part")
        alone = {part: jets_per_second(part, mixed), pairs: jets_per_second(pairs, mixed)}
        for first, large in ((small, part), (pairs, part), (small, pairs)):
            for keep in (0.999, 0.99):
                tagger = coffea_fm.cascade(first, large, "Hbb", keep=keep, data=chosen_on, is_signal=is_signal)
                choice, both = tagger.choice, jets_per_second(tagger, mixed)
                name = "ParT size, random weights" if large is part else large.name
                lines.append(
                    f"| {first.name} | {name} | {keep} | {choice.cut:.4f} | {choice.signal_loss:.4f} ± "
                    f"{choice.signal_loss_error:.4f} | {choice.background_kept:.3f} | {alone[large]:.0f} | {both:.0f} | "
                    f"{both / alone[large]:.1f} |"
                )
                print(lines[-1], flush=True)
                if large is pairs:
                    points.append((keep, tagger))
    lines += [
        "",
        (
            f"Efficiencies of {pairs.name} and of its cascade at the same cuts, on {len(signal):,} Hbb and {len(background):,} "
            "QCD jets; the last column counts QCD jets that only one of the two passes:"
        ),
        "",
        "| working point | tagger | Hbb | QCD | QCD jets that differ |",
        "|---|---|---|---|---|",
    ]
    for point in ("Hbb_medium",):
        of_large = [efficiencies(pairs, jets, point) for jets in (signal, background)]
        lines.append(f"| {point} | alone | {with_error(of_large[0])} | {with_error(of_large[1])} | |")
        for keep, tagger in points:
            passed = [efficiencies(tagger, jets, point) for jets in (signal, background)]
            differ = int((passed[1] != of_large[1]).sum())
            lines.append(f"| | cascade {keep} | {with_error(passed[0])} | {with_error(passed[1])} | {differ} |")
    with atomic(Path(__file__).with_name("results.md")) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
