"""``coffea-fm demo``: the whole main job on the shipped sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, finish


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.")] = Path("demo-output"),
    workers: Annotated[int, typer.Option(min=1, help="Processes of the dask cluster.")] = 2,
    as_json: Json = False,
) -> None:
    """Tag the shipped jets with the shipped bundle on a local dask cluster and draw the result; no network needed."""
    import coffea_fm

    result = coffea_fm.demo(output, workers=workers, quiet=as_json)
    tagged = ", ".join(result.events)
    finish(
        result, result.summary(), f"tagged {tagged} on a dask cluster of {workers} processes\n{result}", as_json=as_json
    )
