"""What happens after the last chunk: save what was accumulated, then each file by itself; nothing takes another with it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import awkward as ak
import cloudpickle  # type: ignore[import-untyped]
import lz4.frame  # type: ignore[import-untyped]
from coffea.processor import ProcessorABC

from coffea_fm.analysis.histogram_files import HISTOGRAMS, write_histograms
from coffea_fm.files import atomic
from coffea_fm.names import safe_path
from coffea_fm.plots.automatic import draw_histograms, label_of, signals_of
from coffea_fm.running.accumulated import Parts, take_apart
from coffea_fm.running.failures import sentence
from coffea_fm.running.friend_files import join_friends
from coffea_fm.running.friends import Friends
from coffea_fm.running.merging import not_added
from coffea_fm.running.missing import in_words
from coffea_fm.running.result import RunResult
from coffea_fm.running.root_histograms import write_root
from coffea_fm.running.throughput.report import PAGE, write_throughput

_log = logging.getLogger(__name__)
ROOT = "histograms.root"


@dataclass
class _Finish:
    """Where outputs go, and what became of each."""

    folder: Path | None
    written: dict[str, Any] = field(default_factory=dict)
    not_written: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, table: dict[str, str] | None = None) -> Iterator[None]:
        """One step; what it raises is one line of the account, and the next step follows."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here shall cost this step alone
            (self.failures if table is None else table)[name] = f"{name}: {sentence(error)}"
            _log.debug("%s failed", name, exc_info=error)


def finish(
    result: RunResult,
    processor: ProcessorABC,
    folder: Path | None,
    *,
    plots: bool = True,
    arrays: bool = True,
    friends: Friends | None = None,
) -> RunResult:
    """Finish a run: ``postprocess``, and all files.

    Parameters
    ----------
    result : RunResult
        From `coffea_fm.running.execute.execute`.
    processor : ProcessorABC
        Its ``postprocess`` is called; should it fail, the output stays as it was accumulated. Sentences in its output
        under ``notes`` become notes of the run.
    folder : Path, optional
        Where files go; files of the same names are replaced, others stay.
    plots : bool
        Draw the histograms.
    arrays : bool
        Write arrays as parquet; else they are in ``output.coffea`` alone.
    friends : Friends, optional
        Join the parts that were written of these.

    Returns
    -------
    RunResult
        With the paths of everything written, what was not, and what failed. The same is in ``summary.json``.
    """
    done = _Finish(folder)
    for name, values in not_added(result.output):
        done.failures[name] = f"{name}: {values.reason}; its {len(values)} parts are kept as a list"
    if result.missing:
        done.failures["missing"] = in_words(result.missing, folder)
        if friends is not None:  # the run that completes this one joins them
            friends = replace(friends, keeps_parts=True)
    saved = _save_accumulated(result.output, done)
    output = _postprocess(processor, result.output, saved, done)
    result = replace(result, output=output, folder=folder, notes=[*result.notes, *_notes(output)])
    if folder is not None:
        parts = take_apart(output)
        done.not_written |= parts.left_out
        if not arrays:
            done.not_written |= {name: f"{name} is an array, which only output.coffea holds" for name in parts.arrays}
            parts.arrays.clear()
        _write_files(parts, folder, done)
        if friends is not None:
            result = _write_friends(result, friends, done)
        if plots:
            _write_plots(parts, folder / "plots", output, done)
    if folder is not None and result.throughput.measured:
        with done.step(PAGE):
            done.written["throughput"] = [str(path) for path in write_throughput(result, folder)]
    result = replace(result, written=done.written, not_written=done.not_written, failures=done.failures)
    if folder is not None:
        with done.step("summary.json"):
            write_summary(result, folder)
    return result


def write_summary(result: RunResult, folder: Path) -> None:
    """The account of a run as ``summary.json``."""
    with atomic(folder / "summary.json") as path:
        path.write_text(_json(result.summary()))


def _notes(output: Any) -> list[str]:
    """Sentences of the processor about its output."""
    notes = output.get("notes") if isinstance(output, Mapping) else None
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []


def _save_accumulated(output: Any, done: _Finish) -> bytes | None:
    """Keep what was accumulated before anything else touches it, in the file that `coffea.util.load` reads."""
    packed = None
    if done.folder is not None:
        with done.step("output.coffea"):
            packed = bytes(lz4.frame.compress(cloudpickle.dumps(output)))
            with atomic(done.folder / "output.coffea") as path:
                path.write_bytes(packed)
            done.written["accumulated"] = str(done.folder / "output.coffea")
    return packed


def _postprocess(processor: ProcessorABC, output: Any, saved: bytes | None, done: _Finish) -> Any:
    with done.step("postprocess"):
        changed = processor.postprocess(output)
        output = output if changed is None else changed
    if "postprocess" in done.failures and saved is not None:  # it may have changed half of it in place
        output = cloudpickle.loads(lz4.frame.decompress(saved))
    return output


def _write_files(parts: Parts, folder: Path, done: _Finish) -> None:
    with done.step("cutflow.json"), atomic(folder / "cutflow.json") as path:
        path.write_text(_json(parts.counts))
        done.written["counts"] = str(folder / "cutflow.json")
    for name, array in parts.arrays.items():
        with done.step(f"{name} as parquet", done.not_written):
            target = folder / "arrays" / f"{safe_path(name)}.parquet"
            with atomic(target) as path:
                ak.to_parquet(ak.Array({"value": array}) if _is_plain(array) else array, path)
            done.written.setdefault("arrays", []).append(str(target))
    if parts.histograms:
        for name, write in ((HISTOGRAMS, write_histograms), (ROOT, write_root)):
            with done.step(name), atomic(folder / name) as path:
                failed = write(path, parts.histograms)
                done.not_written |= {f"{key} in {name}": f"{key} in {name}: {why}" for key, why in failed.items()}
                done.written.setdefault("histograms", []).append(str(folder / name))


def _write_friends(result: RunResult, friends: Friends, done: _Finish) -> RunResult:
    notes: list[str] = []
    with done.step("friends"):
        joined = join_friends(friends, result.processed)
        done.written["friends"] = joined.paths
        done.not_written |= {f"friend of {file}": why for file, why in joined.refused.items()}
        for name, counts in joined.counts.items():
            lost = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count and reason != "jets")
            notes.append(f"friends for {counts['jets']} jets ({name})" + (f": {lost}" if lost else ""))
    return replace(result, notes=[*result.notes, *notes])


def _is_plain(array: Any) -> bool:
    return not (isinstance(array, ak.Array) and array.fields)


def _write_plots(parts: Parts, folder: Path, output: Any, done: _Finish) -> None:
    with done.step("the figures"):
        label, signals = label_of(output), signals_of(output)
        figures, not_drawn = draw_histograms(parts.histograms, folder, label=label, signals=signals)
        done.written["plots"] = [str(path) for path in figures]
        # a histogram without entries is named once, where it is missing from the ROOT file
        told = {name for name in not_drawn if "it has no entries" in done.not_written.get(f"{name} in {ROOT}", "")}
        done.not_written |= {name: why for name, why in not_drawn.items() if name not in told}


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
