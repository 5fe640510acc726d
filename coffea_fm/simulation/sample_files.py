"""Write the files of a simulated sample: in parallel, resumable, and independent of the number of workers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import awkward as ak
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.files import atomic
from coffea_fm.simulation.workers import report, run, run_on

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SETTINGS_FILE = "simulation.json"
Settings = TypeVar("Settings", bound="DataclassInstance")


@dataclass(frozen=True)
class Part:
    """One file of a sample: `index` counts the files with the same name."""

    name: str
    index: int
    path: Path


@dataclass(frozen=True)
class Amount:
    """Amount per name: `total` of `unit` (such as "jets"), rounded up to files of `per_file`."""

    total: int
    per_file: int
    unit: str


def write_files(
    output: Path,
    settings: Settings,
    names: tuple[str, ...],
    amount: Amount,
    write: Callable[[Part, Settings], None],
    workers: int | Executor,
) -> list[Path]:
    """Write the missing files of a sample.

    Parameters
    ----------
    output : Path
        Folder of the files ``NAME_INDEX.root`` and of the settings.
    settings : dataclass
        Settings shared by all files; a folder with other settings is refused.
    names : tuple of str
        Names to produce.
    amount : Amount
        Amount per name.
    write : callable
        Function that writes one file, completely or not at all; it is pickled by name.
    workers : int or concurrent.futures.Executor
        Number of processes, or the executor of a cluster that shares the folder.

    Returns
    -------
    list of Path
        The new files.

    Raises
    ------
    RecipeError
        If the folder has other settings.
    InputError
        If the folder cannot be written or is not shared by the cluster, or a process was killed; complete files are kept.
    """
    _claim(output, settings)
    n_files = -(-amount.total // amount.per_file)
    parts = [Part(name, k, output / f"{name}_{k:04d}.root") for k in range(n_files) for name in dict.fromkeys(names)]
    missing = [part for part in parts if not part.path.exists()]
    with _progress(len(parts) * amount.per_file, amount.unit) as advance:
        advance((len(parts) - len(missing)) * amount.per_file)
        jobs = [partial(write, part, settings) for part in missing]
        if isinstance(workers, Executor):
            run_on(workers, jobs, lambda: advance(amount.per_file))
        else:
            run(jobs, workers, advance)
    away = [part.path for part in missing if not part.path.exists()]
    if away:
        raise InputError(f"the workers wrote {away[0]}, which is not here: {output} must be a folder that they share")
    return [part.path for part in missing]


def take_first(batches: Iterator[ak.Array], number: int) -> ak.Array:
    """Take the first `number` records of endless batches, and report each batch."""
    taken, missing = [], number
    while missing:
        taken.append(next(batches)[:missing])
        missing -= len(taken[-1])
        report(len(taken[-1]))
    return ak.concatenate(taken)


def take_pairs(batches: Iterator[ak.Array], number: int) -> ak.Array:
    """Take the first `number` nominal jets of endless batches and all their variations, and report the nominal ones.

    Parameters
    ----------
    batches : iterator of awkward.Array
        Jets with `pair`, which counts the nominal jets.
    number : int
    """
    taken, before = [], 0
    while before < number:
        batch = next(batches)
        taken.append(batch[batch.pair < number])
        n_nominal = int(ak.sum(taken[-1].variation == 0))
        before += n_nominal
        report(n_nominal)
    return ak.concatenate(taken)


def _claim(output: Path, settings: DataclassInstance) -> None:
    """Write the settings to the folder, or refuse a folder with other settings."""
    path = output / SETTINGS_FILE
    wanted = json.loads(json.dumps(asdict(settings)))
    if path.exists():
        try:
            # a folder from before a setting existed was made with its default
            found = json.loads(json.dumps(_defaults(settings), default=asdict)) | json.loads(path.read_text())
        except (ValueError, TypeError) as error:
            raise RecipeError(
                f"{path} is damaged; choose another folder, or delete it and the files next to it"
            ) from error
        different = [key for key in wanted if found.get(key) != wanted[key]]
        if different:
            key = different[0]
            raise RecipeError(
                f"{output} holds files made with {key} = {found.get(key)}, not {wanted[key]}; choose another folder"
            )
        return
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(wanted, indent=2) + "\n")


def _defaults(settings: DataclassInstance) -> dict[str, Any]:
    return {field.name: field.default for field in fields(settings) if field.default is not MISSING}


@contextmanager
def _progress(total: int, unit: str) -> Iterator[Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task(unit, total=total)
        yield lambda n: bar.advance(task, n)
