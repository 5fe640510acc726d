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
    settings: Annotated[str, typer.Option(help="What the processes are, YAML; or a shipped one.")] = "hh4b/fileset",
    as_json: Json = False,
) -> None:
    """Write the fileset of simulated events: a dataset a process, with cross section and sum of generated weights."""
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
    show(content, f"wrote {output}: {len(content)} datasets of {files} files", as_json=as_json)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
