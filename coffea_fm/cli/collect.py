"""``coffea-fm collect``: run a processor that writes training shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.cli.options import ProcessorOption, parse_options, with_run_options
from coffea_fm.cli.output import Json, even_incomplete, finish
from coffea_fm.running.chunks import FILE_PER_CHUNK


@with_run_options(chunksize=FILE_PER_CHUNK)
def collect(
    fileset: Annotated[list[str], typer.Argument(help="Fileset as JSON, or the ROOT or parquet files themselves.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the shards.")],
    run_options: dict[str, Any],
    processor: Annotated[
        str, typer.Option(help="file.py, file.py:Class, package.module:Class, or the name of a shipped one.")
    ] = "collect_jets",
    option: ProcessorOption = None,
    as_json: Json = False,
) -> None:
    """Write labelled jets as training shards. Running it again with the same chunk size duplicates nothing."""
    import coffea_fm

    options = parse_options(option)
    result = even_incomplete(
        lambda: coffea_fm.collect(fileset, output, processor=processor, options=options, **run_options)
    )
    shards = result.written["shards"]
    text = f"{result}\n{len(shards)} shards in {output}; next: coffea-fm pretrain or finetune RECIPE"
    finish(result, result.summary() | {"shards": shards}, text, as_json=as_json)
