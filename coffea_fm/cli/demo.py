"""``coffea-fm demo``: the whole main job on the shipped sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show
from coffea_fm.cli.run import describe, execute


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.")] = Path("demo-output"),
    workers: Annotated[int, typer.Option(min=1, help="Processes of the dask cluster.")] = 2,
    as_json: Json = False,
) -> None:
    """Tag the shipped jets with the shipped bundle on a local dask cluster and fill histograms; no network needed."""
    from coffea_fm.shipped import shipped

    bundle = shipped("exports", "jet-classifier-small")
    samples = sorted(str(path) for path in shipped("samples").glob("*.root"))
    account = execute(
        "tag_jets",
        samples,
        output,
        schema="PFNanoAODSchema",
        options={"bundle": str(bundle)},
        dask="local",
        workers=workers,
        chunksize=1000,
        quiet=as_json,
    )
    text = f"tagged {', '.join(map(str, samples))}\nwith {bundle} on a dask cluster of {workers} processes\n"
    show(account, text + describe(account), as_json=as_json)
