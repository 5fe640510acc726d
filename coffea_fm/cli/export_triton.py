"""``coffea-fm export-triton``: write a bundle as a model repository for a Triton server."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def export_triton(
    bundle: Annotated[str, typer.Argument(help="Name, folder, .zip or URL of the bundle.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Model repository; models that it already has are kept.")
    ],
    max_batch: Annotated[int, typer.Option(min=1, help="Most jets in one request.")] = 4096,
    as_json: Json = False,
) -> None:
    """Write a bundle into a model repository of Triton's ONNX Runtime backend."""
    import coffea_fm

    result = coffea_fm.export_triton(bundle, output, max_batch=max_batch)
    show(asdict(result), str(result), as_json=as_json)
