"""``coffea-fm collect``: run a processor that writes training shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show
from coffea_fm.cli.run import describe, execute, parse_options
from coffea_fm.errors import InputError


def collect(
    fileset: Annotated[list[str], typer.Argument(help="Fileset as JSON, or the ROOT or parquet files themselves.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the shards.")],
    processor: Annotated[str, typer.Option(help="file.py, file.py:Class, or a shipped one.")] = "collect_jets",
    schema: Annotated[str, typer.Option(help="NanoEvents schema of coffea-fm or coffea.")] = "PFNanoAODSchema",
    option: Annotated[
        list[str] | None, typer.Option("--option", "-O", help="key=value for the processor's constructor.")
    ] = None,
    dask: Annotated[str, typer.Option(help="Address of a dask scheduler, or 'local' to start --workers.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    chunksize: Annotated[int, typer.Option(min=1, help="Events a shard, about.")] = 50_000,
    treename: Annotated[str, typer.Option(help="Tree, where the fileset does not name it.")] = "Events",
    skip_bad_files: Annotated[bool, typer.Option(help="Leave out and count files that cannot be read.")] = False,
    as_json: Json = False,
) -> None:
    """Write labelled jets as training shards; repeating it with the same chunk size duplicates nothing."""
    account = execute(
        processor,
        fileset,
        output,
        schema=schema,
        options={"folder": str(output.absolute()), **parse_options(option or [])},
        dask=dask,
        workers=workers,
        chunksize=chunksize,
        treename=treename,
        skip_bad_files=skip_bad_files,
        plots=False,
        quiet=as_json,
    )
    shards = sorted(output.rglob("*.parquet"))
    if not shards:
        raise InputError(
            f"nothing was collected into {output}, after {account['events']} events: {output / 'cutflow.json'} counts what "
            "was left out, and the processor must write to the folder that its option 'folder' names"
        )
    text = f"{describe(account)}\n{len(shards)} shards in {output}; next: coffea-fm pretrain or finetune RECIPE"
    show(account | {"shards": [str(path) for path in shards]}, text, as_json=as_json)
