"""``coffea-fm limit``: from the histograms of a run to the limit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def limit(
    analysed: Annotated[
        list[Path], typer.Argument(help="Folders that 'coffea-fm run' wrote, such as of simulation and of data.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.")],
    signal: Annotated[
        list[str], typer.Option("--signal", "-s", help="Process whose strength is limited; may be repeated.")
    ],
    settings: Annotated[str, typer.Option(help="Regions and uncertainties, YAML; or a shipped one.")] = "hh4b/limit",
    observe: Annotated[bool, typer.Option("--observe", help="Look at the data in the signal regions.")] = False,
    luminosity: Annotated[
        float | None, typer.Option(help="fb^-1 to scale simulation and pseudo-data to, in place of that of the run.")
    ] = None,
    injections: Annotated[
        int, typer.Option(min=0, help="Toys to fit with signals of 0, 1 and 2 times the expected limit.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of toys, and of counts that are drawn from weighted events.")] = 0,
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
