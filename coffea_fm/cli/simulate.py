"""``coffea-fm simulate``: simulate events and jets for training, without a download."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import RecipeError

app = typer.Typer(add_completion=False, no_args_is_help=True)


class Layout(StrEnum):
    """Layout of the files."""

    NANO = "nano"
    JETCLASS = "jetclass"


class Spectrum(StrEnum):
    """Spectrum of the jets' transverse momentum."""

    FALLING = "falling"
    FLAT = "flat"


WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Number of processes, by default one per core; or of jobs of --cluster.")
]
ClusterOption = Annotated[
    str, typer.Option(help="local, slurm, htcondor, gateway, or the address of a dask scheduler: one task per file.")
]
ClusterConfigOption = Annotated[
    Path | None, typer.Option(help="YAML file: memory, wall time, partition, ... of --cluster.")
]


@app.callback()
def _group() -> None:
    """Simulate events and jets for training, without a download."""


@app.command()
def jets(
    output: Annotated[Path, typer.Argument(help="Output folder; existing files are kept.")],
    jets_per_class: Annotated[int, typer.Option(min=1, help="Jets per class, rounded up to whole files.")] = 10_000,
    jets_per_file: Annotated[int, typer.Option(min=1, help="Jets per file.")] = 5_000,
    pt: Annotated[tuple[float, float], typer.Option(help="Range of the jets' transverse momentum, GeV.")] = (
        500.0,
        1000.0,
    ),
    spectrum: Annotated[
        Spectrum, typer.Option(help="Physical spectrum, or a flat one with event weights.")
    ] = Spectrum.FALLING,
    classes: Annotated[str, typer.Option(help="Classes, separated by commas.")] = ",".join(JET_CLASSES),
    pythia: Annotated[
        list[str] | None, typer.Option(help="Extra Pythia setting, e.g. 'Tune:pp = 21'; may be repeated.")
    ] = None,
    resimulate: Annotated[
        str,
        typer.Option(help="Simulate each hard process again: some of seed,fsr-up,fsr-down,tune. Linked by pair."),
    ] = "",
    detector: Annotated[
        list[str] | None,
        typer.Option(help="Factor on the detector, e.g. track_efficiency=0.97 or calorimeter=1.2; may be repeated."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed; the files do not depend on the number of workers.")
    ] = 0,
    workers: WorkersOption = None,
    cluster: ClusterOption = "",
    cluster_config: ClusterConfigOption = None,
    layout: Annotated[
        Layout, typer.Option(help="NanoAOD with candidates (PFNano's names), or JetClass.")
    ] = Layout.NANO,
) -> None:
    """Simulate jets of the ten JetClass classes: Pythia 8, FastJet and a fast detector simulation."""
    import coffea_fm

    written = coffea_fm.simulate.jets(
        output,
        jets_per_class=jets_per_class,
        jets_per_file=jets_per_file,
        pt=pt,
        spectrum=spectrum.value,
        classes=_names(classes),
        pythia=pythia or (),
        resimulate=_names(resimulate) if resimulate else (),
        detector=dict(map(_factor, detector or ())),
        seed=seed,
        workers=workers,
        cluster=cluster,
        cluster_config=cluster_config,
        layout=layout.value,
    )
    print(f"wrote {len(written)} files of {jets_per_file} jets to {output}")
    if resimulate and written:
        from coffea_fm.simulation.pairing import count_partners

        for name, fraction in count_partners(written, _names(resimulate)).items():
            print(
                f"{fraction:.1%} of the jets in the new files have a partner in {name}; the others left the range or their direction"
            )


@app.command()
def hh4b(
    output: Annotated[Path, typer.Argument(help="Output folder; existing files are kept.")],
    events_per_process: Annotated[
        int, typer.Option(min=1, help="Selected events per process, rounded up to whole files.")
    ] = 10_000,
    events_per_file: Annotated[int, typer.Option(min=1, help="Selected events per file.")] = 2_000,
    processes: Annotated[
        str | None, typer.Option(help="Processes, separated by commas; by default all (an unknown name lists them).")
    ] = None,
    spectrum: Annotated[
        Spectrum, typer.Option(help="Backgrounds with the physical spectrum, or a flat one with event weights.")
    ] = Spectrum.FLAT,
    pythia: Annotated[
        list[str] | None, typer.Option(help="Extra Pythia setting, e.g. 'Tune:pp = 21'; may be repeated.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed; the files do not depend on the number of workers.")
    ] = 0,
    workers: WorkersOption = None,
    cluster: ClusterOption = "",
    cluster_config: ClusterConfigOption = None,
) -> None:
    """Simulate X -> HH -> 4b events and backgrounds, with jets of R = 0.8 and R = 0.4 and their constituents."""
    import coffea_fm

    written = coffea_fm.simulate.hh4b(
        output,
        events_per_process=events_per_process,
        events_per_file=events_per_file,
        processes=None if processes is None else _names(processes),
        spectrum=spectrum.value,
        pythia=pythia or (),
        seed=seed,
        workers=workers,
        cluster=cluster,
        cluster_config=cluster_config,
    )
    print(f"wrote {len(written)} files of {events_per_file} events to {output}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _factor(text: str) -> tuple[str, float]:
    name, _, factor = text.partition("=")
    try:
        return name.strip(), float(factor)
    except ValueError:
        raise RecipeError(f"--detector {text!r} is not NAME=FACTOR, such as track_efficiency=0.97") from None
