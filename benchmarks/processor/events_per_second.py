"""Events per second of ``processors/tag_jets.py`` with and without the tagger, in one process on one thread.

python benchmarks/processor/events_per_second.py BUNDLE FILES...
"""

from __future__ import annotations

import argparse
from typing import Any

import awkward as ak

import coffea_fm
from coffea_fm.inference.reports import Report, attach
from coffea_fm.inference.tagger import Tagger
from coffea_fm.running.execute import execute
from coffea_fm.running.executors import make_executor
from coffea_fm.running.fileset import Fileset
from coffea_fm.running.processors import load_processor
from coffea_fm.running.sources import read_fileset
from coffea_fm.schemas import PFNanoAODSchema

REPEATS = 3


class Constant:
    """Stands in for the tagger: gives every class the same score and reads nothing but the jets' pt."""

    def __init__(self, tagger: Tagger) -> None:
        self.classes = tagger.classes

    def __call__(self, jets: ak.Array) -> ak.Array:
        """The same score for every class, in the layout of the jets."""
        score = ak.values_astype(jets["pt"] * 0 + 1 / len(self.classes), "float32")
        scores = ak.zip(dict.fromkeys(self.classes, score))
        return attach(scores, Report("constant", "none", {"jets": int(ak.count(jets["pt"]))}))


def events_per_second(processor: Any, fileset: Fileset) -> float:
    """The best of some runs, files already in the page cache."""
    runs = [execute(processor, fileset, PFNanoAODSchema, make_executor(), quiet=True) for _ in range(1 + REPEATS)]
    return max(result.n_events / result.seconds for result in runs[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    fileset = read_fileset(arguments.files)
    processor: Any = load_processor("tag_jets", {"bundle": arguments.bundle})
    processor.tagger = coffea_fm.load(arguments.bundle, threads=1)
    rows = {"with the tagger": events_per_second(processor, fileset)}
    processor.tagger = Constant(processor.tagger)
    rows["without"] = events_per_second(processor, fileset)
    print("| `tag_jets` | events/s |\n|---|---|")
    for name, rate in rows.items():
        print(f"| {name} | {rate:,.0f} |")


if __name__ == "__main__":
    main()
