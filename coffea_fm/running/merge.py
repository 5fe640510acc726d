"""Add up what several jobs wrote, and refuse to count an entry twice."""

from __future__ import annotations

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
from coffea_fm.untrusted.json_text import MOST_BYTES, parse_json
from coffea_fm.untrusted.local_files import read_file
from coffea_fm.untrusted.pickles import load_output
from coffea_fm.untrusted.refused import Refused

PathLike = str | os.PathLike[str]


def merge(
    outputs: Sequence[PathLike],
    output: PathLike | None = None,
    *,
    processor: PathLike | ProcessorABC | type[ProcessorABC] | None = None,
    options: Mapping[str, Any] | None = None,
    plots: bool = True,
    trusted: bool = False,
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
    trusted : bool
        Read outputs with classes of your own as well. Such files can run anything when they are read: only for outputs
        that you made, or whose authors you trust. By default arrays, histograms, numbers, text, and containers and
        accumulators of them are read, and functions in them are left out.

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
        _refuse_inside(processor, folders)
    instance = as_processor(processor, options)
    added = Merging(_load(folders[0], trusted=trusted))
    for folder in folders[1:]:
        added += Merging(_load(folder, trusted=trusted))
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
        summary = parse_json(read_file(path, MOST_BYTES))
    except (OSError, Refused) as error:
        raise InputError(f"{folder} is not a finished run: cannot read {path}; give what --output named") from error
    if not isinstance(summary, dict) or "processed" not in summary:
        raise InputError(f"{path} does not say which entries were processed: run again with this coffea-fm")
    return dict(summary)


def _load(folder: Path, *, trusted: bool) -> Any:
    path = folder / "output.coffea"
    try:
        return coffea.util.load(path) if trusted else load_output(path)
    except Refused as error:
        raise InputError(
            f"cannot read {path}: {error}; if it is your own output, or you trust who made it, read it with --trust "
            "(coffea_fm.merge(..., trusted=True)), which runs what is in it"
        ) from error
    except Exception as error:
        raise InputError(f"cannot read {path}: {type(error).__name__}: {error}") from error


def _recorded(summaries: Mapping[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The processor that all runs name."""
    (first, record), *others = ((name, summary["processor"]) for name, summary in summaries.items())
    for name, other in others:
        if other != record:
            raise InputError(
                f"{first} and {name} were not made by the same processor: {_described(record)}, and {_described(other)}; "
                "to add them anyway, give the processor whose postprocess to run"
            )
    if "source" not in record:
        raise InputError(
            f"{first} was run with an instance of {record.get('class')}, which summary.json cannot record: pass it, "
            "coffea_fm.merge(..., processor=...)"
        )
    return record["source"], record["options"]


def _refuse_inside(source: str, folders: Sequence[Path]) -> None:
    """Refuse a processor that came with the runs: what somebody sends is data, and naming a file must not run it."""
    path = Path(source.partition(".py:")[0]).resolve()
    for folder in folders:
        if path.is_relative_to(folder.resolve()):
            raise InputError(
                f"{folder} names the processor {source}, which came with it and is not run: if you trust it, give it as "
                "--processor"
            )


def _described(record: Mapping[str, Any]) -> str:
    options = ", ".join(f"{key}={value}" for key, value in record.get("options", {}).items())
    return f"{record.get('source', record.get('class'))}({options})"


def _notes(summaries: Mapping[str, dict[str, Any]]) -> list[str]:
    notes = [f"sum of {len(summaries)} runs"]
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
