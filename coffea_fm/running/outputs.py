"""Write what a run gave: histograms, counts, figures and the account, each file complete or absent."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hist
import uhi.io.zip
from hist import BaseHist

from coffea_fm.errors import InputError
from coffea_fm.files import atomic
from coffea_fm.plots.automatic import draw_histograms, label_of
from coffea_fm.running.accumulated import counts, histograms
from coffea_fm.running.root_histograms import write_root
from coffea_fm.running.run import RunResult


def prepare_folder(folder: Path) -> None:
    """Make sure that files can be written, before hours are spent on their content.

    Raises
    ------
    InputError
        If the folder cannot be made or written to.
    """
    with atomic(folder / ".writable") as probe:
        probe.touch()
    (folder / ".writable").unlink()


def write_outputs(result: RunResult, folder: Path, *, plots: bool = True) -> dict[str, Any]:
    """Write the outputs of a run.

    Parameters
    ----------
    result : RunResult
        From `coffea_fm.running.run.run`.
    folder : Path
        Where to; files of the same names are replaced, others stay.
    plots : bool
        Draw the histograms.

    Returns
    -------
    dict
        The account of the run, as also written to ``summary.json``: events, files, speed, what was skipped, and the
        path of everything written.
    """
    found = histograms(result.output)
    written: dict[str, Any] = {"counts": str(folder / "cutflow.json")}
    with atomic(folder / "cutflow.json") as path:
        path.write_text(json.dumps(counts(result.output), indent=2) + "\n")
    if found:
        with atomic(folder / "histograms.zip") as path:
            write_histograms(path, found)
        with atomic(folder / "histograms.root") as path:
            left_out = write_root(path, found)
        written["histograms"] = [str(folder / "histograms.root"), str(folder / "histograms.zip")]
        if left_out:
            written["not_in_root"] = left_out
    if plots:
        figures, failed = draw_histograms(found, folder / "plots", label=label_of(result.output))
        written["plots"] = [str(path) for path in figures]
        written["not_drawn"] = failed
    account = {**summary(result), "written": written}
    with atomic(folder / "summary.json") as path:
        path.write_text(json.dumps(account, indent=2) + "\n")
    return account


def summary(result: RunResult) -> dict[str, Any]:
    """The account of a run as plain numbers and texts."""
    return {
        "events": result.n_events,
        "events_by_dataset": result.events,
        "seconds": round(result.seconds, 3),
        "events_per_second": round(result.n_events / result.seconds, 1),
        "files": result.files,
        "chunks": result.chunks,
        "empty_files": result.empty_files,
        "skipped": result.skipped,
        "events_skipped": result.events_skipped,
        "columns": result.columns,
        "notes": list(result.output.get("notes", ())) if isinstance(result.output, Mapping) else [],
    }


def write_histograms(path: Path, found: Mapping[str, BaseHist[Any]]) -> None:
    """Write histograms in the unified histogram interface's zip format; `read_histograms` reads them back."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, histogram in found.items():
            uhi.io.zip.write(file, name, histogram)


def read_histograms(path: Path) -> dict[str, hist.Hist[Any]]:
    """Read the histograms of a run back, by their paths.

    Raises
    ------
    InputError
        If the file is not there, or not such a file.
    """
    try:
        with zipfile.ZipFile(path) as file:
            names = [name.removesuffix(".json") for name in file.namelist() if name.endswith(".json")]
            return {name: hist.Hist(uhi.io.zip.read(file, name)) for name in names}
    except (OSError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read histograms from {path}, which coffea-fm run writes: {reason}") from error
