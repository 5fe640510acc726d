"""``coffea-fm merge``: the outputs of several jobs as those of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.options import ProcessorOption, parse_options
from coffea_fm.cli.output import Json, finish


def merge(
    outputs: Annotated[list[Path], typer.Argument(help="Folders that 'coffea-fm run' wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the sum.")],
    processor: Annotated[str, typer.Option(help="Whose postprocess ends it; that of the runs by default.")] = "",
    option: ProcessorOption = None,
    plots: Annotated[bool, typer.Option(help="Draw the histograms.")] = True,
    trust: Annotated[
        bool, typer.Option("--trust", help="Read classes of your own: this runs what is in the outputs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add the outputs of several runs; entries that two of them processed are refused."""
    import coffea_fm

    result = coffea_fm.merge(
        outputs,
        output,
        processor=processor or None,
        options=parse_options(option) or None,
        plots=plots,
        trusted=trust,
    )
    finish(result, result.summary(), as_json=as_json)
