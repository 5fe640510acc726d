"""``coffea-fm skim``: selected events and objects as new files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from coffea_fm.cli.options import ProcessorOption, parse_options, with_run_options
from coffea_fm.cli.output import Json, finish
from coffea_fm.errors import RecipeError
from coffea_fm.running.chunks import FILE_PER_CHUNK

Number = TypeVar("Number", int, float)


@with_run_options(chunksize=FILE_PER_CHUNK)
def skim(
    fileset: Annotated[list[str], typer.Argument(help="Fileset as JSON, or the ROOT or parquet files themselves.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.")],
    run_options: dict[str, Any],
    min_pt: Annotated[list[str] | None, typer.Option(help="Keep objects above it, GeV: FatJet=300.")] = None,
    min_n: Annotated[list[str] | None, typer.Option(help="Keep events with so many of what is left: FatJet=1.")] = None,
    collections: Annotated[str, typer.Option(help="What to write, separated by commas; all by default.")] = "",
    selection: Annotated[
        str, typer.Option(help="A processor with a method select(events): file.py, or package.module:Class.")
    ] = "",
    option: ProcessorOption = None,
    as_json: Json = False,
) -> None:
    """Write selected events with selected objects, whose constituents read back, and a fileset of them."""
    import coffea_fm

    result = coffea_fm.skim(
        fileset,
        output,
        selection=selection or None,
        options=parse_options(option),
        min_pt=_thresholds(min_pt, float),
        min_n=_thresholds(min_n, int),
        collections=[name.strip() for name in collections.split(",") if name.strip()] or None,
        **run_options,
    )
    finish(result, result.summary(), as_json=as_json)


def _thresholds(options: list[str] | None, kind: type[Number]) -> dict[str, Number]:
    """Thresholds by collection."""
    thresholds = {}
    for name, value in parse_options(options).items():
        try:
            thresholds[name] = kind(value)
        except (TypeError, ValueError) as error:
            raise RecipeError(f"the threshold of {name} must be a number, not {value!r}: give {name}=2") from error
    return thresholds
