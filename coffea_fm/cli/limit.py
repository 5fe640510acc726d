"""``coffea-fm limit``: compute limits from the histograms of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def limit(
    analysed: Annotated[
        list[Path], typer.Argument(help="Folders written by 'coffea-fm run', e.g. one of simulation and one of data.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Output folder.")],
    signal: Annotated[list[str], typer.Option("--signal", "-s", help="Signal process; may be repeated.")],
    settings: Annotated[
        str, typer.Option(help="Regions and uncertainties: a YAML file, or the name of a shipped one.")
    ] = "hh4b/limit",
    observe: Annotated[bool, typer.Option("--observe", help="Unblind: use the data in the signal regions.")] = False,
    luminosity: Annotated[
        float | None, typer.Option(help="Luminosity in fb^-1 to scale simulation and pseudo-data to.")
    ] = None,
    injections: Annotated[
        int, typer.Option(min=0, help="Number of toys to fit with signals of 0, 1 and 2 times the expected limit.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the toys, and of counts drawn from weighted events.")] = 0,
    as_json: Json = False,
) -> None:
    """Fit the histograms of an analysis with pyhf: expected limit, ranking, closure of the background, figures."""
    import coffea_fm

    found = coffea_fm.limit(
        analysed,
        signal=signal,
        settings=settings,
        output=output,
        observe=observe,
        luminosity=luminosity,
        injections=injections,
        seed=seed,
    )
    written = list(map(str, found.written))
    text = f"{found}\nwrote {len(written)} files to {output}"
    show(found.summary | {"written": written}, text, as_json=as_json)
