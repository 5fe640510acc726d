"""Files of simulated events of HH -> 4b and its backgrounds."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from coffea_fm.errors import RecipeError
from coffea_fm.files import atomic
from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES
from coffea_fm.simulation.production import Spectrum
from coffea_fm.simulation.sample_files import Amount, Part, take_first, write_files

_EVENTS_AT_A_TIME = 50
_SEED_BITS, _PROCESS_BITS, _FILE_BITS, _EVENT_BITS = 20, 6, 16, 20


@dataclass(frozen=True)
class EventSettings:
    """Settings that determine the content of a file, together with its process and index.

    Parameters
    ----------
    seed : int
        Seed of the whole sample, below a million.
    events_per_file : int
        Events in every file.
    spectrum : "flat" or "falling"
        Backgrounds with their spectrum flattened by event weights, or the physical one.
    pythia : tuple of str
        Extra Pythia settings, such as ``Tune:pp = 21``.
    """

    seed: int = 0
    events_per_file: int = 2000
    spectrum: Spectrum = "flat"
    pythia: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.events_per_file < 2**_EVENT_BITS:
            raise RecipeError(f"a file of {self.events_per_file} events cannot be made; choose 1 to 1,000,000")
        if not 0 <= self.seed < 2**_SEED_BITS:
            raise RecipeError(f"the seed {self.seed} cannot be used; choose 0 to 1,000,000")


def first_event(name: str, seed: int, index: int) -> int:
    """Number of the first event of a file: no two events of any seed, process and file have the same number."""
    number = seed
    for value, bits in ((list(EVENT_PROCESSES).index(name), _PROCESS_BITS), (index, _FILE_BITS), (0, _EVENT_BITS)):
        number = (number << bits) + value
    return number


def write_event_file(part: Part, settings: EventSettings) -> None:
    """Simulate and write one file.

    Parameters
    ----------
    part : Part
        Process and index of the file.
    settings : EventSettings
        Settings shared by all files of the sample.
    """
    from coffea_fm.simulation.hh4b.generator import cross_section
    from coffea_fm.simulation.hh4b.nano import write_events
    from coffea_fm.simulation.hh4b.sample import simulate_events

    at_a_time = min(_EVENTS_AT_A_TIME, settings.events_per_file)
    flat = settings.spectrum == "flat"
    batches = simulate_events(part.name, settings.seed, part.index, flat=flat, batch=at_a_time, pythia=settings.pythia)
    events = take_first(batches, settings.events_per_file)
    number = first_event(part.name, settings.seed, part.index)
    with atomic(part.path) as temporary:
        write_events(temporary, events, number, part.index + 1, cross_section(part.name, settings.pythia))


def produce_events(
    output: Path, settings: EventSettings, processes: tuple[str, ...], events_per_process: int, workers: int | Executor
) -> list[Path]:
    """Write the missing files of a sample.

    Parameters
    ----------
    output : Path
        Folder of the files ``PROCESS_INDEX.root`` and of the settings.
    settings : EventSettings
        Settings shared by all files; a folder with other settings is refused.
    processes : tuple of str
        Some of `EVENT_PROCESSES`.
    events_per_process : int
        Events per process, rounded up to whole files.
    workers : int
        Number of processes on this machine.

    Returns
    -------
    list of Path
        The new files.

    Raises
    ------
    RecipeError
        If a process is unknown, there would be too many files, or the folder has other settings.
    InputError
        If the folder cannot be written, or a process was killed; complete files are kept.
    """
    unknown = [name for name in processes if name not in EVENT_PROCESSES]
    if unknown:
        raise RecipeError(f"unknown process {unknown[0]!r}; the processes are {', '.join(EVENT_PROCESSES)}")
    if events_per_process > settings.events_per_file * 2**_FILE_BITS:
        raise RecipeError(f"{events_per_process} events are too many files; ask for more events a file")
    amount = Amount(events_per_process, settings.events_per_file, "events")
    return write_files(output, settings, processes, amount, write_event_file, workers)
