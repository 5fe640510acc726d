"""``coffea-fm generate``: generate jets with a trained model, and compare them with real ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def generate(
    checkpoint: Annotated[
        Path, typer.Argument(help="Checkpoint of a method that generates, such as runs/omnijet/best.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the shards.")],
    jets: Annotated[int, typer.Option(min=1, help="Number of jets.")] = 10_000,
    data: Annotated[
        Path | None, typer.Option(help="Shards with real jets: to take classes and momenta from, and to compare with.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0.01, help="Divides the logits: below 1, jets are more alike.")
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(min=1, help="Sample only from the N most probable codes.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Number of jets that are generated together.")] = 1000,
    as_json: Json = False,
) -> None:
    """Generate jets with a trained model. With --data, compare masses, momenta and substructure with real jets."""
    import coffea_fm

    result = coffea_fm.generate(
        checkpoint,
        output,
        jets,
        data=data,
        temperature=temperature,
        top_k=top_k,
        seed=seed,
        batch_size=batch_size,
    )
    comparisons = {name: asdict(part) for name, part in result.comparisons.items()}
    show({"folder": str(output), "jets": result.jets, "comparisons": comparisons}, repr(result), as_json=as_json)
