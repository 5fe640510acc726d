"""``coffea-fm fileset``: write a fileset of simulated events with their normalisation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def fileset(
    folder: Annotated[Path, typer.Argument(help="Folder written by 'coffea-fm simulate hh4b'.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file to write.")],
    signal_cross_section: Annotated[
        float, typer.Option(min=1e-9, help="Cross section of pp -> X -> HH -> 4b at mu = 1, pb.")
    ] = 0.01,
    shifted: Annotated[
        Path | None, typer.Option(help="Folder with the same processes, simulated with other Pythia settings.")
    ] = None,
    variation: Annotated[str, typer.Option(help="Name of the variation in --shifted.")] = "tune",
    pseudo_data: Annotated[
        Path | None, typer.Option(help="Folder with independent events to use as pseudo-data.")
    ] = None,
    processes: Annotated[str, typer.Option(help="Processes, separated by commas; all by default.")] = "",
    pseudo_data_processes: Annotated[
        str, typer.Option(help="Processes in the pseudo-data, e.g. without signal; by default as --processes.")
    ] = "",
    settings: Annotated[
        str, typer.Option(help="Settings of the processes: a YAML file, or the name of a shipped one.")
    ] = "hh4b/fileset",
    as_json: Json = False,
) -> None:
    """Write the fileset of simulated events: one dataset per process, with cross section and sum of event weights."""
    import json

    from coffea_fm.analysis.fileset import make_fileset
    from coffea_fm.analysis.fileset_settings import read_fileset_settings
    from coffea_fm.files import atomic
    from coffea_fm.shipped import shipped

    path = Path(settings)
    content = make_fileset(
        folder,
        read_fileset_settings(path if path.suffix else shipped("processors", f"{settings}.yaml")),
        signal_cross_section=signal_cross_section,
        shifted=shifted,
        variation=variation,
        pseudo_data=pseudo_data,
        processes=_names(processes),
        pseudo_data_processes=_names(pseudo_data_processes),
    )
    with atomic(output) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
    files = sum(len(dataset["files"]) for dataset in content.values())
    show(content, f"wrote {output}: {len(content)} datasets with {files} files", as_json=as_json)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
