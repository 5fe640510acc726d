"""``coffea-fm import``: turn a model that somebody else trained into a bundle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def import_(
    model: Annotated[Path, typer.Argument(help="The model, e.g. model.onnx.")],
    preprocess: Annotated[Path | None, typer.Argument(help="The preprocess.json that belongs to an ONNX file.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the bundle.")] = ...,  # type: ignore[assignment]
    mapping: Annotated[
        str | None,
        typer.Option(help="How variables are computed from columns: a shipped family by name, or a YAML file."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; by default that of the folder.")] = None,
    as_json: Json = False,
) -> None:
    """Write somebody else's model as a bundle that reads raw columns, after checking it against the original."""
    import coffea_fm

    result = coffea_fm.import_model(model, preprocess, output=output, mapping=mapping, name=name)
    show(asdict(result), f"{result}\nnext: coffea-fm info {output}", as_json=as_json)
