"""``coffea-fm run``: a processor over a fileset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.cli.options import ProcessorOption, parse_options, with_run_options
from coffea_fm.cli.output import Json, even_incomplete, finish
from coffea_fm.cli.processor_help import ProcessorHelp

app = typer.Typer(add_completion=False)


@app.command("run", cls=ProcessorHelp)
@with_run_options()
def run(
    processor: Annotated[str, typer.Argument(help="file.py, file.py:Class, package.module:Class, or a shipped one.")],
    fileset: Annotated[list[str], typer.Argument(help="Fileset as JSON, or the ROOT or parquet files themselves.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.")],
    run_options: dict[str, Any],
    option: ProcessorOption = None,
    friends: Annotated[
        str,
        typer.Option(help="Outputs of its taggers to write for all jets, one file per input file: scores,embedding."),
    ] = "",
    plots: Annotated[bool, typer.Option(help="Draw the histograms.")] = True,
    as_json: Json = False,
) -> None:
    """Run a coffea processor over a fileset, here or on a dask cluster, and write histograms, counts and plots."""
    import coffea_fm

    options = parse_options(option)
    result = even_incomplete(
        lambda: coffea_fm.run(processor, fileset, output, options=options, friends=friends, plots=plots, **run_options)
    )
    finish(result, result.summary(), as_json=as_json)
