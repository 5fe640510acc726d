"""``coffea-fm fileset``: files, folders and lists as a fileset; simulated events with their normalisation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.cli.output import Json, show


def fileset(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders, patterns, files, lists of files (also of DAS or Rucio), NAME=SOURCE; or one folder of "
            "'coffea-fm simulate hh4b'."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSON file to write.")],
    treename: Annotated[str, typer.Option(help="Tree in the files.")] = "Events",
    redirector: Annotated[str, typer.Option(help="Before names of the grid: root://cms-xrd-global.cern.ch/.")] = "",
    preload: Annotated[
        str,
        typer.Option(help="A bundle: name the branches that it reads, which coffea then reads in one go (NanoAOD)."),
    ] = "",
    collection: Annotated[str, typer.Option(help="Jets that --preload is for.")] = "FatJet",
    schema: Annotated[str, typer.Option(help="NanoEvents schema for --preload; found out by default.")] = "",
    signal_cross_section: Annotated[float, typer.Option(min=1e-9, help="Of pp -> X -> HH -> 4b at mu = 1, pb.")] = 0.01,
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
    """Write a fileset: of files, folders and lists; or of simulated events, with cross sections and sums of weights."""
    import json

    from coffea_fm.analysis.fileset import is_simulated, make_fileset
    from coffea_fm.analysis.fileset_settings import read_fileset_settings
    from coffea_fm.files import atomic
    from coffea_fm.shipped import shipped

    path = Path(settings)
    about = read_fileset_settings(path if path.suffix else shipped("processors", f"{settings}.yaml"))
    asked = shifted is not None or pseudo_data is not None or bool(processes)
    if len(sources) == 1 and (asked or is_simulated(Path(sources[0]), about)):
        content = make_fileset(
            Path(sources[0]),
            about,
            signal_cross_section=signal_cross_section,
            shifted=shifted,
            variation=variation,
            pseudo_data=pseudo_data,
            processes=_names(processes),
            pseudo_data_processes=_names(pseudo_data_processes),
        )
    else:
        content = _listed(sources, treename, redirector, preload, collection, schema)
    with atomic(output) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
    files = sum(len(dataset["files"]) for dataset in content.values())
    show(content, f"wrote {output}: {len(content)} datasets with {files} files", as_json=as_json)


def _listed(
    sources: list[str], treename: str, redirector: str, preload: str, collection: str, schema: str
) -> dict[str, Any]:
    from coffea_fm.running.listing import as_json, list_files, with_preload

    files = list_files(sources, treename=treename, redirector=redirector)
    return as_json(files, with_preload(files, preload, collection, schema) if preload else None)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
