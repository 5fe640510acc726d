"""``coffea-fm demo``: tag the shipped sample on a local dask cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, finish


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Output folder.")] = Path("demo-output"),
    workers: Annotated[int, typer.Option(min=1, help="Number of processes of the dask cluster.")] = 2,
    as_json: Json = False,
) -> None:
    """Tag the shipped jets with the shipped bundle on a local dask cluster and draw the result. Works offline."""
    import coffea_fm

    result = coffea_fm.demo(output, workers=workers, quiet=as_json)
    tagged = ", ".join(result.events)
    finish(
        result, result.summary(), f"tagged {tagged} on a dask cluster of {workers} processes\n{result}", as_json=as_json
    )
