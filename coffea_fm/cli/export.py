"""``coffea-fm export``: export a checkpoint as a bundle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of the checkpoint, e.g. runs/NAME/best.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the bundle; its name is the name of the model.")
    ],
    card: Annotated[Path | None, typer.Option(help="Model card in Markdown; by default a draft is generated.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Shards of real jets for the numerical check; by default the training data.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=1e-3, help="Temperature that divides the logits before the softmax.")
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Write a checkpoint as ONNX graphs with a manifest, after checking them against torch."""
    import coffea_fm

    result = coffea_fm.export(checkpoint, output, card=card, data=data, temperature=temperature)
    show(asdict(result), f"{result}; next: coffea-fm info {output}", as_json=as_json)
