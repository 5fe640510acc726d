"""Jets per second and efficiencies of cascades beside those of their large network alone, on jets that are mostly QCD.

Run ``python benchmarks/cascade/benchmark.py JETS LARGE FIRST...``; writes ``results.md`` beside this file. `JETS` is a
folder of simulated jets, from ``coffea-fm simulate jets JETS --classes QCD,Hbb --jets-per-class 12000 --jets-per-file 2000
--seed 7302``; `LARGE` and `FIRST` are bundles of networks that were not trained on them. Of every network's scores, one
half of the QCD jets gives the working points, every other signal jet the cuts of the cascades, and what is told of them is
measured on the others. Time is the CPU time of this single-threaded process, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numpy as np
from coffea.nanoevents import NanoEventsFactory

import coffea_fm
from coffea_fm.files import atomic
from coffea_fm.inference.combined.choice import Choice, discriminant_of
from coffea_fm.inference.combined.choosing import choose
from coffea_fm.inference.combined.labelled import Labelled
from coffea_fm.schemas import PFNanoAODSchema

SIGNAL_SHARE, TIMED, TURNS = 0.01, 1000, 3
WORKING_POINTS = {"loose": 0.05, "medium": 0.01}
KEEPS = (0.99, 0.995, 0.999)


def load_jets(file: Path) -> ak.Array:
    """Jets of a file, flat and in memory."""
    events = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, mode="eager").events()
    jets = ak.flatten(events.FatJet)
    fields = {name: jets[name] for name in ("pt", "eta", "phi", "mass", "uncorrected", "constituents")}
    return ak.to_packed(ak.zip(fields, depth_limit=1))


@dataclass(frozen=True)
class Values:
    """Discriminants of one network; the second halves are for measuring."""

    signal: np.ndarray
    background: np.ndarray

    def pass_like(self, efficiency: float) -> float:
        """The cut with this efficiency on the first half of the background."""
        return float(np.quantile(self.background[::2], 1 - efficiency))


def discriminants(tagger: coffea_fm.BaseTagger, jets: Sequence[ak.Array], asked: Choice) -> Values:
    """Of signal and background."""
    found = []
    for part in jets:
        scores = tagger(part)
        rows = np.stack([ak.to_numpy(scores[name]) for name in tagger.classes], axis=1)
        found.append(discriminant_of(rows, tagger.classes, asked))
    return Values(*found)


def chosen(first: Values, large: Values, keep: float, point: str | None) -> Choice:
    """The cut, as `coffea_fm.cascade` chooses it, from discriminants that are known."""
    accepted = np.ones(len(first.signal), bool)
    if point is not None:
        accepted = large.signal >= large.pass_like(WORKING_POINTS[point])
    values = np.concatenate([first.signal, first.background[1::2]])
    signal = np.arange(len(values)) < len(first.signal)
    background = ~signal
    accepted = np.concatenate([accepted, np.zeros(len(values) - len(accepted), bool)])
    asked = Choice(("Hbb",), ("QCD",), keep, point, "jets")
    return choose(asked, Labelled(values, signal, background, accepted))


def at_equal_rejection(first: Values, large: Values, cut: float, efficiency: float) -> tuple[float, float, int]:
    """Signal efficiency of the cascade minus that of the large network at the same background rejection.

    A jet below the cut of the cascade passes nothing. Also returns the error, and the number of background jets that pass.
    """
    alone = [large.signal[1::2], large.background[1::2]]
    both = [
        np.where(part[1::2] >= cut, of, -1.0) for part, of in zip((first.signal, first.background), alone, strict=True)
    ]
    n_passing = round(efficiency * len(alone[1]))
    passed = [signal >= np.sort(background)[-n_passing] for signal, background in (alone, both)]
    gained, lost = (passed[1] & ~passed[0]).sum(), (passed[0] & ~passed[1]).sum()
    n = len(alone[0])
    return float(gained - lost) / n, float(np.sqrt(gained + lost + 1)) / n, n_passing


def seconds(taggers: Mapping[str, coffea_fm.BaseTagger], jets: ak.Array) -> dict[str, list[float]]:
    """CPU time of each tagger, in turns."""
    found: dict[str, list[float]] = {name: [] for name in taggers}
    for tagger in taggers.values():
        tagger(jets[:20])
    for _ in range(TURNS):
        for name, tagger in taggers.items():
            start = time.process_time()
            tagger(jets)
            found[name].append(time.process_time() - start)
    return found


def rows(
    made: Mapping[str, tuple[Values, coffea_fm.Cascade]], large: Values, times: Mapping[str, Sequence[float]], n: int
) -> Iterator[str]:
    """The table of cascades."""
    for name, (first, tagger) in made.items():
        choice = tagger.choice
        ratio = statistics.median(a / b for a, b in zip(times["large"], times[name], strict=True))
        medium = at_equal_rejection(first, large, choice.cut, WORKING_POINTS["medium"])
        yield (
            f"| {name} | {choice.keep:g} of {choice.working_point or 'all'} | {choice.cut:.4f} | "
            f"{choice.accepted_loss:.4f} ± {choice.accepted_loss_error:.4f} | "
            f"{choice.signal_loss:.4f} ± {choice.signal_loss_error:.4f} | {choice.background_kept:.4f} | "
            f"{n / statistics.median(times[name]):.0f} | **{ratio:.1f}** | {medium[0]:+.4f} ± {medium[1]:.4f} |"
        )


def main() -> None:
    """Score the jets once with every network, choose the cuts, and measure the cascades in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jets", type=Path, help="folder of simulated jets")
    parser.add_argument("large", help="bundle")
    parser.add_argument("first", nargs="+", help="bundles")
    options = parser.parse_args()
    signal, background = (
        ak.concatenate([load_jets(file) for file in sorted(options.jets.glob(f"{name}_*.root"))])
        for name in ("Hbb", "QCD")
    )
    asked = Choice(("Hbb",), ("QCD",), 0.5, None, "jets")
    large = coffea_fm.load(options.large, threads=1)
    firsts = [coffea_fm.load(name, threads=1) for name in options.first]
    values = {tagger: discriminants(tagger, (signal, background), asked) for tagger in (large, *firsts)}
    made = {}
    for first in firsts:
        for keep, point in [(keep, "medium") for keep in KEEPS] + [(0.999, "loose"), (0.999, None)]:
            choice = chosen(values[first], values[large], keep, point)
            made[f"{first.name}, {keep:g}, {point}"] = values[first], coffea_fm.Cascade(first, large, choice)
    fast = [variant.name for variant in large.manifest.variants]
    if fast:
        name, (of_first, tagger) = next((n, m) for n, m in made.items() if n.endswith("0.999, medium"))
        reduced = coffea_fm.load(options.large, threads=1, precision="fast")
        made[f"{name}, large network in `fast`"] = of_first, coffea_fm.Cascade(tagger.small, reduced, tagger.choice)
    n_signal = int(SIGNAL_SHARE * TIMED)
    mixed = ak.concatenate([background[-(TIMED - n_signal) :], signal[-n_signal:]])
    times = seconds({"large": large} | {f.name: f for f in firsts} | {name: m[1] for name, m in made.items()}, mixed)
    lines = [
        f"`make benchmark-cascade` on one thread; CPU time in {TURNS} turns. {len(signal):,} Hbb and {len(background):,} QCD",
        f"jets at 500 to 1000 GeV, on which no network was trained. Speed on {TIMED:,} jets, {SIGNAL_SHARE:.0%} of them Hbb.",
        "",
        "| network | jets/s alone | Hbb at 5% QCD | Hbb at 1% QCD |",
        "|---|---|---|---|",
    ]
    for tagger, of in values.items():
        name = "large" if tagger is large else tagger.name
        kept = [(of.signal[1::2] >= of.pass_like(level)).mean() for level in WORKING_POINTS.values()]
        lines.append(
            f"| {tagger.name} | {TIMED / statistics.median(times[name]):.0f} | {kept[0]:.4f} | {kept[1]:.4f} |"
        )
    lines += [
        "",
        f"Cascades with {large.name}. *Accepted* is signal that passes the working point of the large network ({WORKING_POINTS});",
        "the last column is the signal efficiency minus that of the large network alone, both at 1% QCD.",
        "",
        "| first network, keep, working point | keep | cut | accepted signal lost | all signal lost | QCD kept | jets/s | ratio | ΔHbb |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows(made, values[large], times, TIMED),
    ]
    text = "\n".join([*lines, ""])
    with atomic(Path(__file__).with_name("results.md")) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
