"""Yields are those of the whole sample, whatever part of it was processed; and what is missing is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
import uproot
from coffea.processor import ProcessorABC

import coffea_fm
from coffea_fm.analysis.chunk import Chunk
from coffea_fm.analysis.counts import Counts
from coffea_fm.analysis.processed import normalise
from coffea_fm.running.result import RunResult

EVENTS, GENERATED, SECTION, LUMINOSITY = 200, 5000.0, 3.0, 10.0
EXPECTED = SECTION * 1000 * LUMINOSITY * EVENTS / GENERATED
Files = Callable[..., list[Path]]


class CountAll(ProcessorABC):  # type: ignore[misc]
    """Fills all events into one region."""

    def process(self, events: Any) -> dict[str, Any]:
        chunk = Chunk(events, {"all/x": (["here"], hist.axis.Regular(2, 0, 1, name="value"))})
        size = len(chunk.events)
        where, values = np.full(size, "here"), {"x": np.full(size, 0.3)}
        chunk.fill("all", "nominal", np.ones(size, bool), where, values, {})
        return chunk.output()

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        return normalise(accumulator, LUMINOSITY)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Files of the same events, of each of which more were generated than are stored."""

    def write(number: int, *, runs: bool = True, events: int = EVENTS, generated: float = GENERATED) -> list[Path]:
        paths = [tmp_path / f"{runs}_{events}_{generated}_{index}.root" for index in range(number)]
        for path in paths:
            with uproot.recreate(path) as file:
                weights = np.tile([2.0, 0.0], events)[:events]
                file.mktree("Events", {"genWeight": weights, "drop": weights == 0})
                if runs:
                    file.mktree("Runs", {"genEventSumw": np.array([0.25, 0.75]) * generated})
        return paths

    return write


def run_over(
    fileset: Mapping[str, tuple[list[Path], dict[str, Any]]], chunksize: int = 70, **options: Any
) -> RunResult:
    datasets = {
        name: {"files": [str(path) for path in paths], "metadata": {"cross_section": SECTION, **metadata}}
        for name, (paths, metadata) in fileset.items()
    }
    return coffea_fm.run(CountAll(), datasets, schema="BaseSchema", chunksize=chunksize, quiet=True, **options)


def total(result: RunResult, process: str = "X") -> float:
    return float(result.output["all"]["x"][process, "nominal", "here", :].sum().value)


def test_a_part_of_the_files_gives_the_yield_of_all(files: Files) -> None:
    paths = files(4)
    listed = {"sum_of_weights": 4 * GENERATED, "events": 4 * EVENTS}
    whole, part = run_over({"X": (paths, listed)}), run_over({"X": (paths[:1], listed)})
    assert total(whole) == pytest.approx(EXPECTED)
    assert total(part) == pytest.approx(EXPECTED)
    assert whole.output["notes"] == []
    assert part.output["notes"] == [
        "processed 25% of the generated events of X, to which its histograms are normalised"
    ]
    error = [np.sqrt(result.output["all"]["x"].sum().variance) for result in (whole, part)]
    assert error[1] == pytest.approx(2 * error[0])


def test_a_file_that_is_skipped_is_missing(files: Files) -> None:
    paths = files(2)
    paths[1].write_bytes(paths[1].read_bytes()[:3000])
    listed = {"sum_of_weights": 2 * GENERATED, "events": 2 * EVENTS}
    result = run_over({"X": (paths, listed)}, skip_bad_files=True)
    assert total(result) == pytest.approx(EXPECTED)
    assert "processed 50% of the generated events of X" in result.output["notes"][0]


def test_files_have_their_own_sums(files: Files) -> None:
    paths = files(1) + files(1, generated=3 * GENERATED)
    assert total(run_over({"X": (paths, {})})) == pytest.approx(EXPECTED * 2 / 4)


def test_a_chunk_stands_for_its_share_of_the_file(files: Files) -> None:
    paths = files(2)
    assert total(run_over({"X": (paths, {})}, 30)) == pytest.approx(total(run_over({"X": (paths, {})}, 1000)))


def test_files_without_any_event_were_generated_too(files: Files) -> None:
    paths = files(1) + files(1, events=0)
    listed = {"sum_of_weights": 2 * GENERATED, "events": EVENTS}
    result = run_over({"X": (paths, listed)})
    assert total(result) == pytest.approx(EXPECTED / 2)
    assert result.output["notes"] == []


def test_files_that_do_not_store_the_sum(files: Files) -> None:
    paths = files(2, runs=False)
    result = run_over({"X": (paths, {})})
    assert total(result) == pytest.approx(SECTION * 1000 * LUMINOSITY)
    assert "files of X do not store the sum of generated weights" in result.output["notes"][0]
    listed = {"sum_of_weights": 2 * GENERATED, "events": 2 * EVENTS}
    half = run_over({"X": (paths[:1], listed)})
    assert total(half) == pytest.approx(EXPECTED)
    assert half.output["notes"][0].startswith("processed 50% of the generated events of X")


def test_dropped_events_were_generated(files: Files) -> None:
    result = run_over({"X": (files(1), {"drop": "drop"})})
    assert total(result) == pytest.approx(EXPECTED)
    assert result.output["cutflow"]["X"]["left_to_another_dataset"] == EVENTS / 2


def test_datasets_of_one_process_are_normalised_one_by_one(files: Files) -> None:
    fileset = {
        "X1": (files(1), {"process": "X", "sum_of_weights": 2 * GENERATED}),
        "X2": (files(2, generated=7.0), {"process": "X", "cross_section": 1.0, "mass": 600.0}),
        "tuned": (files(1, generated=8.0), {"process": "X", "variation": "tune"}),
    }
    result = run_over(fileset)
    assert total(result) == pytest.approx(EXPECTED + 1000 * LUMINOSITY * EVENTS / 7)
    counts = Counts.model_validate(result.output)
    assert counts.luminosity == {LUMINOSITY}
    assert counts.cross_section == {"X": {SECTION, 1.0}}
    assert counts.mass == {"X": {600.0}}
    assert counts.processed["X1"].share == pytest.approx(0.5)
    assert counts.processed["X2"].share is None


def test_data_are_counted_and_their_luminosity_is_that_of_the_full_list(files: Files) -> None:
    paths = files(3, runs=False)
    about = {"kind": "data", "events": 3 * EVENTS, "luminosity": 59.8}
    whole, part = (run_over({"run2018": (some, about)}) for some in (paths, paths[:1]))
    assert total(whole, "data") == 3 * EVENTS
    assert total(part, "data") == EVENTS
    assert whole.output["notes"] == []
    assert part.output["notes"] == [
        "processed 33.3% of the events of run2018: its luminosity is not the 59.8 fb^-1 of the full list"
    ]
    assert part.output["luminosity"] == frozenset()


def test_weights_that_add_up_to_nothing(files: Files) -> None:
    result = run_over({"X": (files(1, generated=-5.0), {})})
    assert "weights of dataset 'X' add up to -5, so that it cannot be normalised" in result.failures["postprocess"]


def test_the_run_says_what_is_missing(files: Files, tmp_path: Path) -> None:
    listed = {"cross_section": SECTION, "sum_of_weights": 4 * GENERATED, "events": 4 * EVENTS}
    fileset = {"X": {"files": [str(path) for path in files(1)], "metadata": listed}}
    result = coffea_fm.run(CountAll(), fileset, tmp_path / "out", schema="BaseSchema", quiet=True, plots=False)
    sentence = "processed 25% of the generated events of X"
    assert sentence in str(result)
    assert sentence in json.loads((tmp_path / "out" / "summary.json").read_text())["notes"][0]
    assert sentence in Counts.read(tmp_path / "out").notes()[0]


def test_a_run_over_nothing_is_empty() -> None:
    assert normalise({}, LUMINOSITY)["notes"] == []
