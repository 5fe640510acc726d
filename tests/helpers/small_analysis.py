"""A small analysis from histograms with known yields, and a folder as a run leaves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from known_yields import make_histogram

from coffea_fm.analysis.counts import Counts
from coffea_fm.analysis.histogram_files import write_histograms
from coffea_fm.statistics.analysis import prepare
from coffea_fm.statistics.inputs import Inputs
from coffea_fm.statistics.workspace import make_workspace
from coffea_fm.statistics.yields import Filled


def analysis_of(settings, *, with_data=False, mu=0.0, observe=False, change=None):
    histogram = make_histogram(with_data=with_data, mu=mu)
    if change is not None:
        change(histogram)
    coarse = settings.model_copy(update={"minimal_effective_events": 1000.0})
    inputs = Inputs({"boosted/mass": Filled(histogram, "boosted/mass")}, 100.0, Counts(cross_section={"X": {0.01}}))
    return prepare(inputs, coarse, observe=observe)


def workspace_of(analysis):
    return make_workspace(analysis.predictions, analysis.settings, "X", analysis.closures, observe=analysis.observe)


def write_run(folder: Path, histogram: Any, dataset: str, **counts: Any) -> Path:
    folder.mkdir()
    write_histograms(folder / "histograms.zip", {"boosted/mass": histogram})
    (folder / "cutflow.json").write_text(json.dumps(counts))
    (folder / "summary.json").write_text(json.dumps({"events_by_dataset": {dataset: 1}}))
    return folder
