"""Add up what several jobs wrote, and refuse to count an entry twice."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import coffea.util
from coffea.processor import ProcessorABC

from coffea_fm.errors import InputError
from coffea_fm.files import identity, prepare_folder
from coffea_fm.running.merging import Merging
from coffea_fm.running.outputs import finish
from coffea_fm.running.processed_files import from_fileset, refuse_twice, united
from coffea_fm.running.processors import as_processor
from coffea_fm.running.result import RunResult

PathLike = str | os.PathLike[str]


def merge(
    outputs: Sequence[PathLike],
    output: PathLike | None = None,
    *,
    processor: PathLike | ProcessorABC | type[ProcessorABC] | None = None,
    options: Mapping[str, Any] | None = None,
    plots: bool = True,
) -> RunResult:
    """Add the outputs of several runs of one processor, and finish as one run of all their files would.

    Parameters
    ----------
    outputs : sequence of path-like
        Folders that `coffea_fm.run` wrote.
    output : path-like, optional
        Folder for the sum; nothing is written if it is not given.
    processor, options : str, ProcessorABC or type, and mapping, optional
        Whose ``postprocess`` is called; that of the runs by default, if they name it.
    plots : bool
        Draw the histograms.

    Returns
    -------
    RunResult
        As `coffea_fm.run` gives it for all files together.

    Raises
    ------
    InputError
        If a folder is none of a run, two of them processed the same entries, or are of different processors.
    """
    folders = [Path(folder) for folder in outputs]
    summaries = {str(folder): _summary(folder) for folder in folders}
    _check(folders, None if output is None else Path(output))
    processed = {name: list(from_fileset(summary["processed"])) for name, summary in summaries.items()}
    refuse_twice(processed)
    if processor is None:
        processor, options = _recorded(summaries)
    instance = as_processor(processor, options)
    added = Merging(_load(folders[0]))
    for folder in folders[1:]:
        added += Merging(_load(folder))
    if output is not None:
        prepare_folder(output)
    all_of = list(summaries.values())
    result = RunResult(
        output=added.output,
        events=_sum(summary["events_by_dataset"] for summary in all_of),
        seconds=sum(summary["seconds"] for summary in all_of),
        files=sum(summary["files"] for summary in all_of),
        chunks=sum(summary["chunks"] for summary in all_of),
        skipped={file: why for summary in all_of for file, why in summary["skipped"].items()},
        events_skipped=sum(summary["events_skipped"] for summary in all_of),
        empty_files=list(dict.fromkeys(file for summary in all_of for file in summary["empty_files"])),
        columns=sorted({column for summary in all_of for column in summary["columns"]}),
        notes=_notes(summaries),
        processed=united(file for files in processed.values() for file in files),
        processor=all_of[0]["processor"],
    )
    return finish(result, instance, None if output is None else Path(output), plots=plots)


def _check(folders: Sequence[Path], output: Path | None) -> None:
    if len(folders) < 2:
        raise InputError("give at least two folders of runs to merge")
    places = Counter(identity(str(folder)) for folder in folders)
    if twice := [place for place, count in places.items() if count > 1]:
        raise InputError(f"the run {twice[0]} is given twice: its events would count double")
    if output is not None and identity(str(output)) in places:
        raise InputError(f"the sum cannot be written over {output}, which is one of its parts: choose another folder")


def _summary(folder: Path) -> dict[str, Any]:
    path = folder / "summary.json"
    try:
        summary = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} is not a finished run: cannot read {path}; give what --output named") from error
    if "processed" not in summary:
        raise InputError(f"{path} does not say which entries were processed: run again with this coffea-fm")
    return dict(summary)


def _load(folder: Path) -> Any:
    path = folder / "output.coffea"
    try:
        return coffea.util.load(path)
    except Exception as error:
        raise InputError(f"cannot read {path}: {type(error).__name__}: {error}") from error


def _recorded(summaries: Mapping[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The processor that all runs name."""
    (first, record), *others = ((name, summary["processor"]) for name, summary in summaries.items())
    for name, other in others:
        if other != record:
            raise InputError(
                f"{first} and {name} were not made by the same processor: {_described(record)}, and {_described(other)}; "
                "to add them nevertheless, name the processor whose postprocess shall end the merge"
            )
    if "source" not in record:
        raise InputError(
            f"{first} was made by an instance of {record.get('class')}, which its summary.json cannot hold: give it, "
            "coffea_fm.merge(..., processor=...)"
        )
    return record["source"], record["options"]


def _described(record: Mapping[str, Any]) -> str:
    options = ", ".join(f"{key}={value}" for key, value in record.get("options", {}).items())
    return f"{record.get('source', record.get('class'))}({options})"


def _notes(summaries: Mapping[str, dict[str, Any]]) -> list[str]:
    notes = [f"the sum of {len(summaries)} runs"]
    for name, summary in summaries.items():
        notes += [f"{name}: {note}" for note in summary["notes"]]
        notes += [f"{name}: failed: {why}" for why in summary["failures"].values()]
        if summary["written"].get("friends"):
            notes.append(f"{name}: its friends stay where they are")
    return notes


def _sum(counts: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for of_run in counts:
        total.update(of_run)
    return dict(total)
