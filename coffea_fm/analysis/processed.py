"""The processed part of each dataset: summed over chunks, then used to normalise the yields at the end of a run.

Yields are normalised to the weights generated for the processed events, not to those generated for all files of a
fileset. A skipped file, or a fileset with only some of the files, changes the statistical error but not the yield.
Normalisation happens at the end of a run (a processor calls `normalise` in ``postprocess``): earlier, the sums are
incomplete; later, datasets that share a process cannot be separated.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import awkward as ak
import hist
import uproot

from coffea_fm.analysis.counts import Counts, Processed
from coffea_fm.analysis.normalisation import sum_of_weights
from coffea_fm.analysis.sample import Sample

Histograms = Mapping[str, Mapping[str, hist.Hist[Any]]]


def processed(sample: Sample, events: ak.Array) -> dict[str, float]:
    """Contribution of one chunk to the account of its dataset, as numbers that coffea can add.

    Parameters
    ----------
    sample : Sample
        Sample of the chunk.
    events : awkward.Array
        The chunk, before any selection, with coffea's metadata.

    Returns
    -------
    dict of str to float
        ``events``, and ``sum_of_weights``: the chunk's fraction (by number of events) of the weights generated for its
        file, or for the dataset if the file does not store them. If neither is known, it is the sum of the weights of
        the chunk, and ``from_events`` counts its events.
    """
    n_events = len(events)
    if sample.kind == "data":
        return {"events": n_events, "sum_of_weights": n_events, "from_events": 0}
    place = (str(events.metadata.get(key, "")) for key in ("filename", "treename", "fileuuid"))
    generated = _generated_by_event(*place) or sample.generated_by_event
    if generated is None:
        weights = float(sample.generator_weights(events).sum())
        return {"events": n_events, "sum_of_weights": weights, "from_events": n_events}
    return {"events": n_events, "sum_of_weights": generated * n_events, "from_events": 0}


@lru_cache
def _generated_by_event(filename: str, treename: str, uuid: str) -> float | None:  # noqa: ARG001 - for the cache
    """Generated weights per event of a file; None if not stored. Each process reads a file only once."""
    if not filename or filename.endswith((".parquet", ".parq")):
        return None
    with uproot.open(filename) as file:
        total = sum_of_weights(file)
        n_events = file[treename or "Events"].num_entries
    return total / n_events if total is not None and n_events else None


def account(accumulated: Mapping[str, Any], luminosity: float) -> Counts:
    """Sum the accounts of all chunks of a run.

    Parameters
    ----------
    accumulated : mapping
        With ``samples``, a set of one `Sample` per dataset, and ``processed``, the sums of `processed` per dataset.
    luminosity : float
        fb⁻¹ that simulation is normalised to.
    """
    samples = {dataset: sample for dataset, (sample,) in accumulated.get("samples", {}).items()}
    nominal = [sample for sample in samples.values() if sample.fills_nominal]
    masses = [sample for sample in nominal if sample.mass is not None]
    return Counts(
        luminosity=frozenset({luminosity} if any(sample.kind != "data" for sample in samples.values()) else ()),
        cross_section=_by_process(nominal, "cross_section"),
        mass=_by_process(masses, "mass"),
        processed={dataset: _total(sample, accumulated["processed"][dataset]) for dataset, sample in samples.items()},
    )


def normalise(accumulated: Mapping[str, Any], luminosity: float) -> dict[str, Any]:
    """Normalise the output of a processor at the end of a run.

    Parameters
    ----------
    accumulated : mapping
        As for `account`, and ``histograms`` by dataset, category and quantity. All other keys are kept.
    luminosity : float
        fb⁻¹

    Returns
    -------
    dict
        Histograms of all datasets by category and quantity, in expected events; `Counts` as plain values; ``notes``,
        sentences about missing parts; and all other accumulated values.

    Raises
    ------
    InputError
        If the sum of weights of a dataset is not positive.
    """
    counts = account(accumulated, luminosity)
    output: dict[str, Any] = {}
    for dataset, categories in accumulated.get("histograms", {}).items():
        (sample,) = accumulated["samples"][dataset]
        total = counts.processed[dataset]
        factor = sample.events_per_weight(luminosity, total.sum_of_weights) if total.events else 1.0
        _add(output, categories, factor)
    kept = {key: value for key, value in accumulated.items() if key not in ("samples", "processed", "histograms")}
    return output | kept | counts.model_dump(exclude_none=True) | {"notes": counts.notes()}


def _add(output: dict[str, Any], categories: Histograms, factor: float) -> None:
    for category, histograms in categories.items():
        filled = output.setdefault(category, {})
        for name, histogram in histograms.items():
            scaled = histogram * factor
            filled[name] = filled[name] + scaled if name in filled else scaled


def _total(sample: Sample, summed: Mapping[str, float]) -> Processed:
    events, weights = int(summed["events"]), float(summed["sum_of_weights"])
    if sample.sum_of_weights and events == sample.events:
        weights = sample.sum_of_weights  # files without events have no chunk, but they have generated weights
    listed = sample.events if sample.kind == "data" else sample.sum_of_weights
    return Processed(
        kind=sample.kind,
        events=events,
        sum_of_weights=weights,
        share=weights / listed if listed else None,
        luminosity=sample.luminosity if sample.kind == "data" else None,
        from_events=bool(summed["from_events"]),
    )


def _by_process(samples: list[Sample], name: str) -> dict[str, frozenset[float]]:
    processes = dict.fromkeys(sample.process for sample in samples)
    return {
        process: frozenset(getattr(sample, name) for sample in samples if sample.process == process)
        for process in processes
    }
