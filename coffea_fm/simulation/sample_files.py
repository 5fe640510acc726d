"""Many files of a simulated sample: on all cores, resumable, independent of the number of workers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import awkward as ak
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from coffea_fm.errors import RecipeError
from coffea_fm.files import atomic
from coffea_fm.simulation.workers import report, run

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SETTINGS_FILE = "simulation.json"
Settings = TypeVar("Settings", bound="DataclassInstance")


@dataclass(frozen=True)
class Part:
    """One file of a sample: `index` counts the files of its name."""

    name: str
    index: int
    path: Path


@dataclass(frozen=True)
class Amount:
    """How much of each name to make: `total` of `unit` (such as "jets"), filled up to files of `per_file`."""

    total: int
    per_file: int
    unit: str


def write_files(
    output: Path,
    settings: Settings,
    names: tuple[str, ...],
    amount: Amount,
    write: Callable[[Part, Settings], None],
    workers: int,
) -> list[Path]:
    """Write the files of a sample that are not there yet.

    Parameters
    ----------
    output : Path
        Folder of the files ``NAME_INDEX.root`` and of the settings.
    settings : dataclass
        What every file shares; a folder made with others is refused.
    names : tuple of str
        What to make.
    amount : Amount
        How much of each.
    write : callable
        Makes one file, complete or not at all; told to processes by its name.
    workers : int
        Processes.

    Returns
    -------
    list of Path
        The files written now.

    Raises
    ------
    RecipeError
        If the folder was made with other settings.
    InputError
        If the folder cannot be written to, or a process was killed; complete files are kept.
    """
    _claim(output, settings)
    n_files = -(-amount.total // amount.per_file)
    parts = [Part(name, k, output / f"{name}_{k:04d}.root") for k in range(n_files) for name in dict.fromkeys(names)]
    missing = [part for part in parts if not part.path.exists()]
    with _progress(len(parts) * amount.per_file, amount.unit) as advance:
        advance((len(parts) - len(missing)) * amount.per_file)
        run([partial(write, part, settings) for part in missing], workers, advance)
    return [part.path for part in missing]


def take_first(batches: Iterator[ak.Array], number: int) -> ak.Array:
    """The first `number` records of batches without end; each batch is reported as it comes."""
    taken, missing = [], number
    while missing:
        taken.append(next(batches)[:missing])
        missing -= len(taken[-1])
        report(len(taken[-1]))
    return ak.concatenate(taken)


def _claim(output: Path, settings: DataclassInstance) -> None:
    """Note the settings in the folder, or refuse a folder that other settings made."""
    path = output / SETTINGS_FILE
    wanted = json.loads(json.dumps(asdict(settings)))
    if path.exists():
        try:
            found = json.loads(path.read_text())
        except ValueError as error:
            raise RecipeError(
                f"{path} is damaged; choose another folder, or remove it and the files beside it"
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
