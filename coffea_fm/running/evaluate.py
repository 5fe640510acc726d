"""Evaluate a bundle on labelled jets: what ``coffea-fm evaluate`` does, for scripts and notebooks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack

from coffea_fm.bundle import Calibration, Manifest, load_bundle
from coffea_fm.calibration.record import record as record_in_bundle
from coffea_fm.calibration.working_points import working_points
from coffea_fm.errors import BundleError, InputError
from coffea_fm.evaluation.classification import Scores, Targets, classification_metrics
from coffea_fm.evaluation.report import markdown
from coffea_fm.evaluation.result import Evaluation
from coffea_fm.files import prepare_folder
from coffea_fm.inference.loading import load
from coffea_fm.names import nearest
from coffea_fm.plots.style import Label
from coffea_fm.running.commands import FilesetLike
from coffea_fm.running.execute import execute
from coffea_fm.running.options import PathLike, RunKeywords, RunOptions, shows_run_options
from coffea_fm.running.predictions import Predict, predict_shards
from coffea_fm.running.schemas import find_schema
from coffea_fm.running.sources import as_fileset
from coffea_fm.running.truth import Truth


@shows_run_options
def evaluate(
    bundle: PathLike,
    data: FilesetLike,
    output: PathLike | None = None,
    *,
    collection: str = "FatJet",
    truth: str = "label",
    classes: str = "",
    background: str = "QCD",
    efficiency: float = 0.5,
    record: bool = False,
    energy: float | None = None,
    **keywords: Unpack[RunKeywords],
) -> Evaluation:
    """Score labelled jets, and compute all figures of merit.

    Parameters
    ----------
    bundle : path-like
        Folder, .zip or URL of the bundle.
    data : path-like, sequence of path-like, or mapping
        A folder of shards, a fileset or the JSON file of one, or the files themselves.
    output : path-like, optional
        Folder for numbers, tables, figures and a page; nothing is written without it.
    collection : str
        The jets.
    truth, classes : str
        Column of the jets with their true class, and what its numbers mean: see `coffea_fm.running.truth.Truth.of`.
        Shards say it themselves.
    background : str
        Class that the others are separated from.
    efficiency : float
        Signal efficiency at which the rejection is given.
    record : bool
        Write calibration and working points into the bundle, and what was measured into its card.
    energy : float, optional
        Centre-of-mass energy for the figures, TeV.
    **keywords
        How the files are read, see `RunOptions`.

    Returns
    -------
    Evaluation
        The numbers, which show themselves in a terminal and in a notebook.

    Raises
    ------
    BundleError
        If the bundle does not score classes of jets.
    InputError
        If there is nothing to evaluate, or no such class or column.
    """
    options = RunOptions.of(keywords)
    manifest = load_bundle(bundle).manifest
    known = _classes(manifest)
    if background not in known:
        raise InputError(f"the background {background!r} is not among the classes: {nearest(background, known)}")
    if output is not None:
        prepare_folder(Path(output))
    left_out: dict[str, int] = {}
    skipped: dict[str, str] = {}
    scores: Scores
    target: Targets
    names = [os.fspath(data)] if isinstance(data, str | os.PathLike) else [os.fspath(name) for name in data]
    if len(names) == 1 and (folder := Path(names[0])).is_dir():
        scores, target = predict_shards(os.fspath(bundle), folder)
    else:
        files = as_fileset(data, options.treename)
        processor = Predict(load(bundle), Truth.of(truth, classes, known), collection)
        with options.executor() as executor:
            result = execute(
                processor,
                files,
                find_schema(options.schema),
                executor,
                chunksize=options.chunksize,
                checkpoints=options.checkpoints,
                quiet=options.quiet,
            )
        scores, target = result.output["scores"].value, result.output["target"].value
        left_out, skipped = dict(result.output["left_out"]), result.skipped
    metrics = classification_metrics(scores, target, known, background=background, efficiency=efficiency)
    points = working_points(scores, target, known, background=background)
    evaluation = Evaluation(manifest.name, manifest.checksum, names, scores, target, metrics, points, left_out, skipped)
    if record:
        _record(evaluation, Path(bundle))
    return evaluation if output is None else evaluation.write(Path(output), label=Label(energy=energy))


def _classes(manifest: Manifest) -> tuple[str, ...]:
    classes = next((entry.classes for entry in manifest.outputs if entry.name == "scores"), ())
    if not classes:
        given = ", ".join(output.name for output in manifest.outputs)
        raise BundleError(f"the bundle {manifest.name!r} gives no scores of classes to evaluate, only {given}")
    if manifest.level.name != "jet":
        raise BundleError(
            f"the bundle {manifest.name!r} scores {manifest.level.name}s, and evaluate is for jets: "
            "fill its scores in a processor, then use coffea-fm limit"
        )
    return classes


def _record(evaluation: Evaluation, folder: Path) -> None:
    metrics, points = evaluation.metrics, evaluation.working_points
    calibration = Calibration(
        accuracy=metrics.accuracy,
        expected_calibration_error=metrics.reliability.expected_error,
        n_jets=metrics.jets,
        data=", ".join(evaluation.data),
        working_points=tuple(points),
    )
    text = f"On {evaluation.measured_on} (`coffea-fm evaluate --record`):\n\n{markdown(metrics, points)}"
    record_in_bundle(folder, calibration, text)
