"""``coffea-fm fileset``: simulated events as a fileset with their normalisation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def fileset(
    folder: Annotated[Path, typer.Argument(help="Folder of 'coffea-fm simulate hh4b'.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSON file to write.")],
    signal_cross_section: Annotated[float, typer.Option(min=1e-9, help="Of pp -> X -> HH -> 4b at mu = 1, pb.")] = 0.01,
    shifted: Annotated[
        Path | None, typer.Option(help="A folder with the same processes, made with other settings of Pythia.")
    ] = None,
    variation: Annotated[str, typer.Option(help="Name of what --shifted varies.")] = "tune",
    pseudo_data: Annotated[
        Path | None, typer.Option(help="A folder with independent events that stand for data.")
    ] = None,
    processes: Annotated[str, typer.Option(help="Processes, separated by commas; all by default.")] = "",
    pseudo_data_processes: Annotated[
        str, typer.Option(help="Those of the pseudo-data, e.g. without signal; as --processes by default.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write the fileset of simulated HH -> 4b events: a dataset a process, with the cross section of a weight of 1."""
    import json
    from functools import partial

    from coffea_fm.analysis.fileset import simulated_fileset
    from coffea_fm.files import atomic

    names, pseudo = ([name for name in text.split(",") if name] for text in (processes, pseudo_data_processes))
    read = partial(simulated_fileset, signal_cross_section=signal_cross_section)
    content = read(folder, processes=names)
    if shifted is not None:
        content |= read(shifted, processes=names, variation=variation)
    if pseudo_data is not None:
        content |= read(pseudo_data, processes=pseudo or names, kind="pseudo-data")
    with atomic(output) as path:
        path.write_text(json.dumps(content, indent=2) + "\n")
    files = sum(len(dataset["files"]) for dataset in content.values())
    show(content, f"wrote {output}: {len(content)} datasets of {files} files", as_json=as_json)
