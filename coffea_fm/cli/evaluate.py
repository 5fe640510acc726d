"""``coffea-fm evaluate``: how good a bundle is on labelled jets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.cli.options import with_run_options
from coffea_fm.cli.output import Json, show
from coffea_fm.errors import BundleError


@with_run_options()
def evaluate(
    bundle: Annotated[str, typer.Argument(help="Folder, .zip or URL of the bundle.")],
    data: Annotated[list[str], typer.Argument(help="A folder of shards, a fileset as JSON, or ROOT files.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.")],
    run_options: dict[str, Any],
    collection: Annotated[str, typer.Option(help="The jets, with the branch COLLECTION_label.")] = "FatJet",
    background: Annotated[str, typer.Option(help="Class that the others are separated from.")] = "QCD",
    efficiency: Annotated[float, typer.Option(min=0.01, max=0.99, help="Where the rejection is given.")] = 0.5,
    record: Annotated[bool, typer.Option("--record", help="Write working points into the bundle's manifest.")] = False,
    as_json: Json = False,
) -> None:
    """Accuracy, AUC and background rejection of a bundle on labelled jets, with figures and an HTML report."""
    from coffea_fm.bundle.load import load_bundle
    from coffea_fm.evaluation.card import metrics_table
    from coffea_fm.evaluation.classification import classification_metrics
    from coffea_fm.evaluation.into_bundle import record as record_in_bundle
    from coffea_fm.evaluation.report import write_evaluation
    from coffea_fm.evaluation.working_points import working_points
    from coffea_fm.files import prepare_folder
    from coffea_fm.inference.loading import load
    from coffea_fm.running.execute import execute
    from coffea_fm.running.options import RunOptions
    from coffea_fm.running.predictions import Predict, predict_shards
    from coffea_fm.running.schemas import find_schema
    from coffea_fm.running.sources import read_fileset
    from coffea_fm.tokens.classes import JET_CLASSES

    manifest = load_bundle(bundle).manifest
    classes = next((entry.classes for entry in manifest.outputs if entry.name == "scores"), ())
    if not classes:
        given = ", ".join(output.name for output in manifest.outputs)
        raise BundleError(f"the bundle {manifest.name!r} gives no scores of classes to evaluate, only {given}")
    if manifest.collection is not None:
        raise BundleError(
            f"the bundle {manifest.name!r} scores events, and evaluate is for jets: "
            "fill its scores in a processor, then use coffea-fm limit"
        )
    prepare_folder(output)
    skipped: dict[str, str] = {}
    if len(data) == 1 and Path(data[0]).is_dir():
        scores, target = predict_shards(bundle, Path(data[0]))
    else:
        processor = Predict(load(bundle), JET_CLASSES, collection)
        options = RunOptions(**run_options)
        fileset = read_fileset(data, options.treename)
        with options.executor() as executor:
            result = execute(
                processor,
                fileset,
                find_schema(options.schema),
                executor,
                chunksize=options.chunksize,
                checkpoints=options.checkpoints,
                quiet=options.quiet,
            )
        scores, target = result.output["scores"].value, result.output["target"].value
        skipped = result.skipped
    metrics = classification_metrics(scores, target, classes, background=background, efficiency=efficiency)
    points = working_points(scores, target, classes, background=background)
    if record:
        manifest = record_in_bundle(Path(bundle), metrics, points, ", ".join(data))
    about = {"bundle": manifest.name, "checksum": manifest.checksum, "data": data, "skipped": skipped}
    written = write_evaluation(output, scores, target, metrics, points, about)
    summary = {**about, "jets": metrics.jets, "accuracy": metrics.accuracy, "written": [str(path) for path in written]}
    lines = [*(f"skipped: {reason}" for reason in skipped.values()), f"wrote {len(written)} files to {output}"]
    show(summary, "\n".join([metrics_table(metrics), "", *lines]), as_json=as_json)
