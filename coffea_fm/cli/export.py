"""``coffea-fm export``: a checkpoint to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show
from coffea_fm.errors import InputError


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of the checkpoint, e.g. runs/NAME/best.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the bundle; its name names the model.")],
    card: Annotated[Path | None, typer.Option(help="The model card, Markdown; drafted by default.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Shards with real jets for the check; the training data by default.")
    ] = None,
    temperature: Annotated[float, typer.Option(min=1e-3, help="Logits are divided by it before the softmax.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Write a checkpoint as ONNX graphs with their manifest, after comparing them with torch."""
    from coffea_fm.export import export_checkpoint

    text = None
    if card is not None:
        try:
            text = card.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot read the model card {card}: {error.strerror}") from error
    manifest = export_checkpoint(checkpoint, output, card=text, data=data, temperature=temperature)
    check = manifest.check
    size = sum(path.stat().st_size for path in output.iterdir())
    account = {
        "bundle": str(output),
        "checksum": manifest.checksum,
        "bytes": size,
        "maximal_difference": check.maximal_difference if check else None,
        "cases": check.cases if check else 0,
    }
    lines = [
        f"onnxruntime and torch differ by at most {account['maximal_difference']:.1e} in {account['cases']} batches",
        f"wrote {output} ({size / 1e6:.2f} MB); next: coffea-fm info {output}",
    ]
    show(account, "\n".join(lines), as_json=as_json)
