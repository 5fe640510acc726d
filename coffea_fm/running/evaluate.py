"""Evaluate bundles on labelled jets: what ``coffea-fm evaluate`` does, for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Unpack

import numpy as np

from coffea_fm.arrays import FloatArray
from coffea_fm.bundle import Calibration
from coffea_fm.calibration.correction_set import write_correction_set
from coffea_fm.calibration.lines import scaling_line
from coffea_fm.calibration.measure import measure_calibration
from coffea_fm.calibration.record import record as record_in_bundle
from coffea_fm.calibration.working_points import CutBins, working_points
from coffea_fm.errors import InputError
from coffea_fm.evaluation.classification import classification_metrics
from coffea_fm.evaluation.comparison import Comparison
from coffea_fm.evaluation.jets import VARIABLES, JetData
from coffea_fm.evaluation.paired import paired
from coffea_fm.evaluation.report import markdown
from coffea_fm.evaluation.result import Evaluation, files_in_words
from coffea_fm.evaluation.sculpting import sculpting
from coffea_fm.evaluation.shifted import Side, measure_shift
from coffea_fm.files import prepare_folder
from coffea_fm.inference import Tagger
from coffea_fm.plots.style import Label
from coffea_fm.running.commands import FilesetLike
from coffea_fm.running.options import PathLike, RunKeywords, RunOptions, shows_run_options
from coffea_fm.running.scored import Labelled, Scored, load_taggers, names_of, score


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
    against: FilesetLike | None = None,
    record: bool = False,
    pt_bins: Sequence[float] = (),
    calibrated: bool = False,
    corrections: PathLike | None = None,
    energy: float | None = None,
    **keywords: Unpack[RunKeywords],
) -> Evaluation:
    """Score labelled jets and compute all figures of merit.

    Parameters
    ----------
    bundle : path-like
        Folder, .zip or URL of the bundle.
    data : path-like, sequence of path-like, or mapping
        A folder of shards, a fileset or its JSON file, or data files.
    output : path-like, optional
        Folder for numbers, tables, figures and a report page. Nothing is written by default.
    collection : str
        Collection of jets.
    truth, classes : str
        Field of the jets with the true class, and the meaning of its values: see
        `coffea_fm.running.truth.Truth.of`. Not needed for shards.
    background : str
        Background class.
    efficiency : float
        Signal efficiency at which the rejection is given.
    against : path-like, sequence of path-like, or mapping, optional
        Other data: how far they are from these is tested on the embedding, and the efficiencies of the working points
        are given in both. They need no true classes.
    record : bool
        Write calibration and working points to the bundle, and the results to its card.
    pt_bins : sequence of float
        Edges in GeV: working points that are recorded get a cut for each bin of pT, with the same background efficiency
        in all of them.
    calibrated : bool
        Put the working points that are recorded on calibrated scores instead of the scores of the model.
    corrections : path-like, optional
        Write these working points, with efficiencies of all classes, as a correctionlib file; see
        `coffea_fm.write_corrections`.
    energy : float, optional
        Centre-of-mass energy shown in the figures, TeV.
    **keywords
        How the files are read; see `RunOptions`.

    Returns
    -------
    Evaluation
        The numbers, which show themselves in a terminal and in a notebook; `coffea_fm.compare` is for several bundles.

    Raises
    ------
    BundleError
        If the bundle has no scores of classes of jets.
    InputError
        If there is nothing to evaluate, or a class or column does not exist.
    """
    options = RunOptions.of(keywords)
    taggers = load_taggers([bundle], background)
    _refuse_the_same(data, against)
    if output is not None:
        prepare_folder(Path(output))
    labelled = Labelled(collection, truth, classes)
    scored = score(taggers, data, labelled, options)
    evaluations = _evaluations(taggers, scored, background, efficiency)
    if against is not None:
        evaluations = _shifted(evaluations, score(taggers, against, labelled, options, needs_truth=False))
    (evaluation,) = evaluations.values()
    calibration = _calibration(evaluation, background, pt_bins, calibrated=calibrated)
    evaluation = replace(evaluation, calibration=calibration)
    if corrections is not None:
        write_correction_set(corrections, evaluation.bundle, evaluation.checksum, calibration)
    if record:
        kept = {point.name for point in calibration.working_points}
        known = next(iter(taggers.values())).calibration.working_points
        evaluation = replace(evaluation, forgotten=[point.name for point in known if point.name not in kept])
        _record(evaluation, calibration, Path(bundle))
    return evaluation if output is None else evaluation.write(Path(output), label=Label(energy=energy))


@shows_run_options
def compare(
    bundles: Sequence[PathLike],
    data: FilesetLike,
    output: PathLike | None = None,
    *,
    collection: str = "FatJet",
    truth: str = "label",
    classes: str = "",
    background: str = "QCD",
    efficiency: float = 0.5,
    against: FilesetLike | None = None,
    energy: float | None = None,
    **keywords: Unpack[RunKeywords],
) -> Comparison:
    """Score the same labelled jets with several bundles, in one pass, and compare them.

    Jets that one of the bundles cannot score, or of a class that one does not have, are left out for all and counted.

    Parameters
    ----------
    bundles : sequence of path-like
        At least two; the others are compared with the first.
    data, output, collection, truth, classes, background, efficiency, against, energy, **keywords
        As for `coffea_fm.evaluate`.

    Returns
    -------
    Comparison
        An `Evaluation` of each bundle, and the differences.

    Raises
    ------
    BundleError
        If one does not score classes of jets, or they have no class in common.
    InputError
        If there is nothing to compare, or no such class or column.
    """
    if isinstance(bundles, str) or len(bundles) < 2:
        raise InputError("a comparison needs at least two bundles: coffea_fm.evaluate is for one")
    options = RunOptions.of(keywords)
    taggers = load_taggers(bundles, background)
    _refuse_the_same(data, against)
    if output is not None:
        prepare_folder(Path(output))
    labelled = Labelled(collection, truth, classes)
    scored = score(taggers, data, labelled, options).common()
    evaluations = _evaluations(taggers, scored, background, efficiency)
    if against is not None:
        evaluations = _shifted(evaluations, score(taggers, against, labelled, options, needs_truth=False))
    columns = {name: [tagger.classes.index(key) for key in scored.classes] for name, tagger in taggers.items()}
    common = {name: scores[:, columns[name]] for name, scores in scored.scores.items()}
    comparison = Comparison(evaluations, paired(common, scored.target, scored.classes, background, efficiency))
    return comparison if output is None else comparison.write(Path(output), label=Label(energy=energy))


def _evaluations(
    taggers: Mapping[str, Tagger], scored: Scored, background: str, efficiency: float
) -> dict[str, Evaluation]:
    evaluations = {}
    for name, tagger in taggers.items():
        known, scores = tagger.classes, scored.scores[name]
        target = scored.targets(known)
        metrics = classification_metrics(scores, target, known, background=background, efficiency=efficiency)
        points = working_points(scores, target, known, background=background)
        evaluations[name] = Evaluation(
            tagger.manifest.name,
            tagger.checksum,
            scored.data,
            scores,
            target,
            metrics,
            points,
            scored.left_out,
            scored.skipped,
            scored.jets[name],
            sculpting(scores, target, metrics, points, scored.jets[name]),
        )
    return evaluations


def _shifted(evaluations: Mapping[str, Evaluation], other: Scored) -> dict[str, Evaluation]:
    shifted = {}
    for name, part in evaluations.items():
        known = part.metrics.classes
        _refuse_common_jets(_rows(part.scores, part.jets), _rows(other.scores[name], other.jets[name]), part, other)
        here = Side(part.scores, part.target, part.jets)
        there = Side(other.scores[name], other.targets(known), other.jets[name])
        shift = measure_shift(here, there, known, part.working_points, files_in_words(other.data))
        shifted[name] = replace(part, shift=shift)
    return shifted


_MOST_COMMON = 0.01
"""Fraction of jets in common up to which two sets may agree by chance, such as those of saturated scores."""


def _refuse_the_same(data: FilesetLike, against: FilesetLike | None) -> None:
    both = set() if against is None else set(names_of(data)) & set(names_of(against))
    if both:
        raise InputError(f"{min(both)} is in both data: a shift is tested between different jets")


def _refuse_common_jets(here: set[bytes], there: set[bytes], part: Evaluation, other: Scored) -> None:
    """Refuse jets that are in both data, whatever their files are called."""
    common = len(here & there)
    if common > _MOST_COMMON * min(len(here), len(there)):
        raise InputError(
            f"{common} of {len(there)} jets of {files_in_words(other.data)} are also in {files_in_words(part.data)}: a shift is tested "
            "between different jets"
        )


def _rows(scores: FloatArray, jets: JetData) -> set[bytes]:
    """The scores and variables of each jet, as bytes; only the same jet has all of them equal."""
    columns = [scores, *(np.asarray(jets.variables[name])[:, np.newaxis] for name in sorted(jets.variables))]
    rows = np.concatenate(columns, axis=1, dtype=np.float32, casting="same_kind")
    return {row.tobytes() for row in rows if np.isfinite(row).all()}


def _calibration(evaluation: Evaluation, background: str, pt_bins: Sequence[float], *, calibrated: bool) -> Calibration:
    bins = None
    if len(pt_bins):
        field = next((name for name in VARIABLES[0] if name in evaluation.jets.variables), None)
        if field is None:
            raise InputError("working points by pT need jets with a pT, which these data do not have")
        bins = CutBins(field, tuple(pt_bins), evaluation.jets.variables[field])
    return measure_calibration(
        evaluation.scores,
        evaluation.target,
        evaluation.metrics.classes,
        background=background,
        bins=bins,
        calibrated=calibrated,
        data=", ".join(PurePath(name).name for name in evaluation.data),  # a bundle travels, folders do not
    )


def _record(evaluation: Evaluation, calibration: Calibration, folder: Path) -> None:
    scaling = f"\n\n{scaling_line(calibration.scaling)}." if calibration.scaling else ""
    numbers = markdown(evaluation.metrics, calibration.working_points)
    text = f"On {evaluation.measured_on} (`coffea-fm evaluate --record`):\n\n{numbers}{scaling}"
    record_in_bundle(folder, calibration, text)
