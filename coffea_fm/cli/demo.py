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
    """Tag the shipped jets with the shipped bundle on a local dask cluster and draw the result; no network needed."""
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
        plots=False,
        quiet=as_json,
    )
    account["written"]["plots"] = [str(path) for path in _draw(output)]
    text = f"tagged {', '.join(map(str, samples))}\nwith {bundle} on a dask cluster of {workers} processes\n"
    show(account, text + describe(account), as_json=as_json)


def _draw(output: Path) -> list[Path]:
    from coffea_fm.evaluation.tagging import draw_tagging
    from coffea_fm.plots.style import Label, save
    from coffea_fm.running.outputs import read_histograms

    figures = draw_tagging(read_histograms(output / "histograms.zip"), label=Label(energy=13))
    return [path for name, figure in figures.items() for path in save(figure, output / "plots" / name)]
