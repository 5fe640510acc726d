"""``coffea-fm evaluate``: evaluate a bundle on labelled jets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.cli.options import with_run_options
from coffea_fm.cli.output import Json, show


@with_run_options()
def evaluate(
    bundle: Annotated[str, typer.Argument(help="Folder, .zip or URL of the bundle.")],
    data: Annotated[list[str], typer.Argument(help="A folder of shards, a fileset as JSON, or ROOT files.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Output folder.")],
    run_options: dict[str, Any],
    collection: Annotated[str, typer.Option(help="Collection of jets.")] = "FatJet",
    truth: Annotated[str, typer.Option(help="Field of the jets with the true class.")] = "label",
    classes: Annotated[
        str, typer.Option(help="Classes of --truth: QCD,Hbb,Hcc or 0=light,4=c,5=b; known for 'label'.")
    ] = "",
    background: Annotated[str, typer.Option(help="Background class.")] = "QCD",
    efficiency: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Signal efficiency at which to quote background rejection.")
    ] = 0.5,
    record: Annotated[
        bool, typer.Option("--record", help="Write calibration and working points to the bundle and its card.")
    ] = False,
    energy: Annotated[float | None, typer.Option(help="Centre-of-mass energy shown in the figures, TeV.")] = None,
    as_json: Json = False,
) -> None:
    """Accuracy, AUC and background rejection of a bundle on labelled jets, with working points and figures."""
    import coffea_fm

    result = coffea_fm.evaluate(
        bundle,
        data,
        output,
        collection=collection,
        truth=truth,
        classes=classes,
        background=background,
        efficiency=efficiency,
        record=record,
        energy=energy,
        **run_options,
    )
    numbers = {"jets": result.metrics.jets, "accuracy": result.metrics.accuracy}
    summary = {**result.summary(), **numbers, "written": [str(path) for path in result.written]}
    show(
        summary,
        f"{result}\n\nwrote {len(result.written)} files to {output}; open {result.written[-1]}",
        as_json=as_json,
    )
