"""Score the same jets with several bundles, wherever the jets come from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from coffea_fm.arrays import BoolArray, FloatArray, IntArray
from coffea_fm.bundle.find import find_bundle
from coffea_fm.errors import BundleError, InputError
from coffea_fm.evaluation.jets import JetData
from coffea_fm.inference import Tagger, load
from coffea_fm.names import nearest
from coffea_fm.running.commands import FilesetLike
from coffea_fm.running.execute import execute
from coffea_fm.running.options import PathLike, RunOptions
from coffea_fm.running.predictions import Predict, common_classes, joined, predict_shards
from coffea_fm.running.schemas import find_schema
from coffea_fm.running.sources import as_fileset
from coffea_fm.running.truth import Truth


@dataclass(frozen=True)
class Labelled:
    """Which jets are evaluated, and what is true of them; the words of `coffea_fm.evaluate`."""

    collection: str = "FatJet"
    truth: str = "label"
    classes: str = ""


@dataclass(frozen=True)
class Scored:
    """Jets with their scores by several taggers.

    Parameters
    ----------
    data : list of str
        Where the jets are from.
    classes : tuple of str
        Those that every tagger scores.
    target : int64 array of shape [n_jets]
        True class, an index into `classes`; -1 where it is not known.
    scores : mapping of str to float array of shape [n_jets, n_classes_of_tagger]
        By tagger.
    jets : mapping of str to JetData
        By tagger.
    left_out, skipped : dict
        Jets without a class by why, and why a file was skipped.
    """

    data: list[str]
    classes: tuple[str, ...]
    target: IntArray
    scores: Mapping[str, FloatArray]
    jets: Mapping[str, JetData]
    left_out: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def targets(self, known: Sequence[str]) -> IntArray:
        """The true class as an index into the classes of one tagger; -1 where it is not known."""
        columns = np.array([list(known).index(name) for name in self.classes], dtype=np.int64)
        return np.where(self.target >= 0, columns[self.target], -1)

    def common(self) -> Scored:
        """Only jets that every tagger could score; the others are counted."""
        scored = {name: np.isfinite(scores).all(axis=1) for name, scores in self.scores.items()}
        kept: BoolArray = np.logical_and.reduce(list(scored.values()))
        lost = {f"without a score of {name}": int((~good).sum()) for name, good in scored.items() if not good.all()}
        if not kept.any():
            raise InputError(f"no jet is scored by all of {', '.join(self.scores)}: there is nothing to compare")
        return Scored(
            self.data,
            self.classes,
            self.target[kept],
            {name: scores[kept] for name, scores in self.scores.items()},
            {name: jets.take(kept) for name, jets in self.jets.items()},
            self.left_out | lost,
            self.skipped,
        )


def load_taggers(bundles: Sequence[PathLike], background: str) -> dict[str, Tagger]:
    """Taggers of jets by the name of their bundle; where two have the same, by where they are.

    Raises
    ------
    BundleError
        If one gives no scores of jets, or they have no class in common.
    InputError
        If the background is none of their classes, or a bundle is given twice.
    """
    taggers = [load(os.fspath(bundle)) for bundle in bundles]
    for tagger in taggers:
        _check(tagger)
    names = [tagger.manifest.name for tagger in taggers]
    if len(set(names)) < len(names):
        names = [Path(os.fspath(bundle)).name.removesuffix(".zip") for bundle in bundles]
    if len(set(names)) < len(names):
        names = [find_bundle(bundle) for bundle in bundles]
    if len(set(names)) < len(names):
        raise InputError(f"the bundle {next(name for name in names if names.count(name) > 1)} is given twice")
    by_name = dict(zip(names, taggers, strict=True))
    known = common_classes(by_name)
    if not known:
        raise BundleError(f"the bundles {', '.join(names)} have no class in common, so there is nothing to compare")
    if background not in known:
        raise InputError(f"the background {background!r} is not among the classes: {nearest(background, known)}")
    return by_name


def score(
    taggers: Mapping[str, Tagger],
    data: FilesetLike,
    labelled: Labelled,
    options: RunOptions,
    *,
    needs_truth: bool = True,
) -> Scored:
    """Score jets in one pass over the events.

    Parameters
    ----------
    taggers : mapping of str to Tagger
        From `load_taggers`.
    data : path-like, sequence of path-like, or mapping
        A folder of shards, a fileset or the JSON file of one, or the files themselves.
    labelled : Labelled
        Which jets.
    options : RunOptions
        How files are read.
    needs_truth : bool
        Leave out jets without a true class.
    """
    names = names_of(data)
    known = common_classes(taggers)
    if len(names) == 1 and (folder := Path(names[0])).is_dir():
        return _scored(names, known, predict_shards(taggers, folder))
    truth = Truth.of(labelled.truth, labelled.classes, known)
    processor = Predict(taggers, truth, labelled.collection, needs_truth=needs_truth)
    with options.executor() as executor:
        result = execute(
            processor,
            as_fileset(data, options.treename),
            find_schema(options.schema),
            executor,
            chunksize=options.chunksize,
            checkpoints=options.checkpoints,
            quiet=options.quiet,
        )
    output = dict(result.refuse_incomplete().output)
    left_out = dict(output.pop("left_out"))
    return _scored(names, known, {**joined([output]), "left_out": left_out}, result.skipped)


def names_of(data: FilesetLike) -> list[str]:
    """What data are called."""
    return [os.fspath(data)] if isinstance(data, str | os.PathLike) else [os.fspath(name) for name in data]


def _scored(
    names: list[str], known: tuple[str, ...], output: dict[str, Any], skipped: dict[str, str] | None = None
) -> Scored:
    embedding = output["embedding"]
    jets = {
        name: JetData(output["variables"], output["embedded"], embedding[name])
        if name in embedding
        else JetData(output["variables"])
        for name in output["scores"]
    }
    return Scored(names, known, output["target"], output["scores"], jets, output["left_out"], skipped or {})


def _check(tagger: Tagger) -> None:
    manifest = tagger.manifest
    if not any(output.name == "scores" and output.classes for output in manifest.outputs):
        given = ", ".join(output.name for output in manifest.outputs)
        raise BundleError(f"the bundle {manifest.name!r} has no class scores to evaluate, only {given}")
    if manifest.level.name != "jet":
        raise BundleError(
            f"the bundle {manifest.name!r} scores {manifest.level.name}s, but evaluate is for jets: "
            "fill its scores in a processor, then use coffea-fm limit"
        )
