"""Write selected events with selected jets as new files, whose links read back, and a fileset of these files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import awkward as ak
import numpy as np
from coffea.processor import ProcessorABC

from coffea_fm.analysis.processed import processed
from coffea_fm.analysis.sample import Sample
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.files import atomic
from coffea_fm.names import nearest
from coffea_fm.running.chunks import FILE_PER_CHUNK
from coffea_fm.running.commands import FilesetLike, ProcessorLike, run
from coffea_fm.running.options import PathLike, RunKeywords, RunOptions, shows_run_options
from coffea_fm.running.outputs import write_summary
from coffea_fm.running.processors import as_processor
from coffea_fm.running.result import RunResult
from coffea_fm.running.schemas import find_schema
from coffea_fm.running.sources import as_fileset
from coffea_fm.schemas import NanoAODSchema, PFNanoAODSchema, write_skim
from coffea_fm.shards.metadata import Source


@shows_run_options
def skim(
    fileset: FilesetLike,
    output: PathLike,
    *,
    selection: ProcessorLike | None = None,
    options: Mapping[str, Any] | None = None,
    min_pt: Mapping[str, float] | None = None,
    min_n: Mapping[str, int] | None = None,
    collections: Sequence[str] | None = None,
    **keywords: Unpack[RunKeywords],
) -> RunResult:
    """Write selected events with selected objects, one file per chunk; a chunk that is run again replaces its file.

    Parameters
    ----------
    fileset, **keywords
        As for `coffea_fm.run`.
    output : path-like
        Folder for ``skims``, and for ``skim.json``, the fileset of what is there.
    selection : str, ProcessorABC or type, optional
        A processor with a method ``select(events)``, which returns the events that are kept, with collections replaced by
        selections of themselves; or a boolean for each event.
    options : mapping, optional
        For the constructor of `selection`.
    min_pt : mapping of str to float, optional
        Keep the objects of a collection above this transverse momentum, GeV; before the selection.
    min_n : mapping of str to int, optional
        Keep events with at least so many of what is left of a collection; after the selection.
    collections : sequence of str, optional
        What is written, see `coffea_fm.schemas.write_skim`; all by default.

    Returns
    -------
    RunResult
        With the files in ``written["skims"]``, and the fileset in ``written["fileset"]``.

    Raises
    ------
    RecipeError
        If nothing is selected, or the files are not those of CMS.
    InputError
        If a collection is not there, or cannot be written; or if the skims are not where they should be at the end.
    """
    keywords.setdefault("chunksize", FILE_PER_CHUNK)
    settings = RunOptions.of(keywords)
    if not issubclass(find_schema(settings.schema), NanoAODSchema | PFNanoAODSchema):
        raise RecipeError(f"only NanoAOD and PFNano files can be skimmed, and the schema is {settings.schema}")
    select = None if selection is None else as_processor(selection, options)
    if select is not None and not callable(getattr(select, "select", None)):
        raise RecipeError(
            f"{type(select).__name__} has no method select(events): add it, it returns the selected events"
        )
    if select is None and options:
        raise RecipeError("options are for the constructor of the selection: name one")
    folder = Path(output).absolute()
    skimmer = Skim(folder / "skims", select, min_pt or {}, min_n or {}, collections)
    result = run(skimmer, fileset, folder, plots=False, **keywords)
    files = {dataset: sorted(paths) for dataset, paths in result.output["skims"].items()}
    metadata = {name: dataset.metadata for name, dataset in as_fileset(fileset, settings.treename).items()}
    listed = [path for paths in files.values() for path in paths]
    if absent := [path for path in listed if not Path(path).exists()]:
        raise InputError(
            f"{len(absent)} skims are not there, the first {absent[0]}: workers must see that folder, and checkpoints need the "
            "skims that were written with them"
        )
    content = {
        dataset: {
            "files": dict.fromkeys(paths, "Events"),
            "metadata": _metadata(metadata[dataset], result.output, dataset),
        }
        for dataset, paths in files.items()
        if paths
    }
    with atomic(folder / "skim.json") as path:
        path.write_text(json.dumps(content, indent=2) + "\n")
    written = {**result.written, "skims": listed, "fileset": str(folder / "skim.json")}
    result = replace(result, written=written, notes=[*result.notes, *_notes(result.output, folder, set(listed))])
    write_summary(result, folder)
    return result


class Skim(ProcessorABC):  # type: ignore[misc]
    """Write the selected events of each chunk; see `skim`.

    Parameters
    ----------
    folder : Path
        Where the files go, absolute: the workers must see it.
    selection, min_pt, min_n, collections
        See `skim`.
    """

    def __init__(
        self,
        folder: Path,
        selection: Any,
        min_pt: Mapping[str, float],
        min_n: Mapping[str, int],
        collections: Sequence[str] | None,
    ) -> None:
        self.folder, self.selection = folder, selection
        self.min_pt, self.min_n = dict(min_pt), dict(min_n)
        self.collections = None if collections is None else tuple(collections)

    def process(self, events: Any) -> dict[str, Any]:
        """Write the file of one chunk, if any event is left."""
        source = Source.of(events.metadata)
        counts = {"events": len(events)}
        weights = _weights(events)
        for name in (*self.min_pt, *self.min_n):
            if name not in events.fields:
                raise InputError(f"there is no collection {name!r}: {nearest(name, events.fields)}")
        for name, cut in self.min_pt.items():
            events[name] = events[name][events[name].pt > cut]
        if self.selection is not None:
            events = _selected(self.selection.select(events), events)
        enough = np.ones(len(events), dtype=np.bool_)
        for name, least in self.min_n.items():
            enough &= ak.to_numpy(ak.num(events[name]) >= least)
        events = events[enough]
        counts["selected"] = len(events)
        path = self.folder / Path(source.shard_name).with_suffix(".root")
        left_out: tuple[str, ...] = ()
        if len(events):
            left_out = write_skim(path, events, collections=self.collections)
        else:
            path.unlink(missing_ok=True)
        return {
            "cutflow": {source.dataset: counts | weights},
            "skims": {source.dataset: {str(path)} if len(events) else set()},
            "left_out": set(left_out),
        }

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""


def _selected(chosen: Any, events: Any) -> Any:
    if chosen is None:
        raise InputError("select(events) returned nothing: return the selected events")
    return chosen if getattr(chosen, "fields", None) else events[chosen]


def _weights(events: Any) -> dict[str, float]:
    """What was generated for the events of a chunk, which a skim alone no longer tells."""
    try:
        sample = Sample.of(events.metadata)
    except RecipeError:  # the fileset does not say what its datasets are, and need not
        return {"sum_of_weights": float(ak.sum(events.genWeight))} if "genWeight" in events.fields else {}
    return {} if sample.kind == "data" else {"sum_of_weights": processed(sample, events)["sum_of_weights"]}


def _metadata(given: Mapping[str, Any], output: Mapping[str, Any], dataset: str) -> dict[str, Any]:
    """What the fileset says, with the sums of what was processed: the files of the skim do not hold them."""
    counts = output["cutflow"][dataset]
    sums = {"sum_of_weights": counts["sum_of_weights"]} if counts.get("sum_of_weights", 0) > 0 else {}
    return {**given, **sums, "events": counts["selected"]}


def _notes(output: Mapping[str, Any], folder: Path, listed: set[str]) -> list[str]:
    counts = output["cutflow"].values()
    selected, read = (sum(part[name] for part in counts) for name in ("selected", "events"))
    notes = [f"{selected} of {read} events were kept"]
    if names := sorted(output["left_out"]):
        notes.append(
            f"not in the skims, because a tree cannot hold them or what they refer to was not kept: {', '.join(names)}"
        )
    others = [path for path in (folder / "skims").glob("*.root") if str(path) not in listed]
    if others:
        notes.append(f"{len(others)} files of other runs are in {folder / 'skims'}, which skim.json does not list")
    return notes
