"""``coffea-fm run``: a processor over a fileset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.cli.output import Json, show
from coffea_fm.errors import RecipeError


def run(
    processor: Annotated[str, typer.Argument(help="file.py, file.py:Class, or a shipped one such as tag_jets.")],
    fileset: Annotated[list[str], typer.Argument(help="Fileset as JSON, or the ROOT or parquet files themselves.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.")],
    schema: Annotated[str, typer.Option(help="NanoEvents schema of coffea-fm or coffea.")] = "PFNanoAODSchema",
    option: Annotated[
        list[str] | None, typer.Option("--option", "-O", help="key=value for the processor's constructor.")
    ] = None,
    dask: Annotated[str, typer.Option(help="Address of a dask scheduler, or 'local' to start --workers.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    chunksize: Annotated[int, typer.Option(min=1, help="Events a chunk, about.")] = 100_000,
    treename: Annotated[str, typer.Option(help="Tree, where the fileset does not name it.")] = "Events",
    skip_bad_files: Annotated[bool, typer.Option(help="Leave out and count files that cannot be read.")] = False,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder for finished chunks: a stopped run continues from them.")
    ] = None,
    plots: Annotated[bool, typer.Option(help="Draw the histograms.")] = True,
    as_json: Json = False,
) -> None:
    """Run a coffea processor over a fileset, here or on a dask cluster, and write histograms, counts and plots."""
    account = execute(
        processor,
        fileset,
        output,
        schema=schema,
        options=parse_options(option or []),
        dask=dask,
        workers=workers,
        chunksize=chunksize,
        treename=treename,
        skip_bad_files=skip_bad_files,
        checkpoints=checkpoints,
        plots=plots,
        quiet=as_json,
    )
    show(account, describe(account), as_json=as_json)


def execute(
    processor: str,
    files: Sequence[str],
    output: Path,
    *,
    schema: str,
    options: Mapping[str, Any],
    dask: str = "",
    workers: int = 1,
    chunksize: int = 100_000,
    treename: str = "Events",
    skip_bad_files: bool = False,
    checkpoints: Path | None = None,
    plots: bool = True,
    quiet: bool = False,
) -> dict[str, Any]:
    """What ``coffea-fm run`` does, for the commands built on it; gives the account of the run."""
    from coffea_fm.running.cluster import dask_client
    from coffea_fm.running.executors import make_executor
    from coffea_fm.running.fileset import read_fileset
    from coffea_fm.running.outputs import prepare_folder, write_outputs
    from coffea_fm.running.processors import load_processor
    from coffea_fm.running.run import run as run_processor
    from coffea_fm.running.schemas import find_schema

    fileset = read_fileset(files, treename)
    schema_class = find_schema(schema)
    instance = load_processor(processor, options)
    prepare_folder(output)
    with dask_client(dask, workers) if dask else nullcontext() as client:
        executor = make_executor(workers=workers, client=client, skip_unreadable=skip_bad_files)
        result = run_processor(
            instance, fileset, schema_class, executor, chunksize=chunksize, checkpoints=checkpoints, quiet=quiet
        )
    return write_outputs(result, output, plots=plots)


def parse_options(options: Sequence[str]) -> dict[str, Any]:
    """``key=value`` pairs, the values read as YAML: numbers, booleans, lists and texts.

    Raises
    ------
    RecipeError
        If one has no ``=``, or a value is not valid YAML.
    """
    import yaml

    parsed = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise RecipeError(f"the option {option!r} has no '=': give it as key=value")
        try:
            parsed[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"the value of the option {option!r} is not valid YAML") from error
    return parsed


def describe(account: Mapping[str, Any]) -> str:
    """The account of a run in a few lines."""
    written = account["written"]
    lines = [
        f"{account['events']} events, {account['files']} files, {account['chunks']} chunks",
        f"{account['seconds']:.1f} s, {account['events_per_second']:.0f} events/s",
        *(f"skipped: {reason}" for reason in account["skipped"].values()),
    ]
    if account["events_skipped"]:
        lines.append(f"events skipped in damaged ranges: {account['events_skipped']}")
    if account["empty_files"]:
        lines.append(f"files without events: {len(account['empty_files'])}")
    lines += account["notes"]
    lines += [f"wrote {path}" for path in [*written.get("histograms", []), written["counts"]]]
    if written.get("plots"):
        figures = {Path(path).with_suffix("") for path in written["plots"]}
        lines.append(f"drew {len(figures)} figures, as PNG and PDF, in {next(iter(figures)).parent}")
    lines += written.get("not_drawn", {}).values()
    if written.get("not_in_root"):
        lines.append(f"not in the ROOT file, for their number of axes: {', '.join(written['not_in_root'])}")
    return "\n".join(lines)
