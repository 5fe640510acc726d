"""Tag large-radius jets with a bundle and fill histograms. Short: copy it and make it yours.

coffea-fm run tag_jets FILESET.json --option bundle=exports/jet-classifier-small --output tagged
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import awkward as ak
import hist
import numpy as np
from coffea.processor import ProcessorABC

import coffea_fm
from coffea_fm.calibration.working_points import LEVELS
from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError, InputWarning
from coffea_fm.inference.calibrated import passing
from coffea_fm.names import nearest
from coffea_fm.schemas.collections import collection_of

MASS = "Jet soft-drop mass [GeV]"


class TagJets(ProcessorABC):  # type: ignore[misc]
    """Select jets, tag them, and fill histograms by dataset, true class and predicted class.

    Parameters
    ----------
    bundle : str
        Path or URL of the tagger.
    collection : str
        The jets to tag.
    min_pt : float
        GeV.
    max_eta : float
        Of the absolute pseudorapidity.
    background : str or sequence of str
        Discriminants are ``signal / (signal + background)`` for each other class as signal. Several classes, such as
        ``[label_QCD_b, label_QCD_others]``, are added.
    level : str
        Working points of this level are applied, where the bundle has them: ``Hbb_medium`` and so on.
    ship : {"path", "bytes"}
        ``"bytes"`` if the workers do not see the bundle's file.
    """

    def __init__(
        self,
        bundle: str,
        collection: str = "FatJet",
        min_pt: float = 200.0,
        max_eta: float = 2.4,
        background: str | Sequence[str] = "QCD",
        level: str = "medium",
        ship: Literal["path", "bytes"] = "path",
    ) -> None:
        self.tagger = coffea_fm.load(bundle, ship=ship)
        self.taggers = {collection: self.tagger}  # for run --friends
        self.collection, self.min_pt, self.max_eta = collection, min_pt, max_eta
        self.background = (background,) if isinstance(background, str) else tuple(background)
        unknown = [name for name in self.background if name not in self.tagger.classes]
        if unknown:
            raise InputError(
                f"the bundle {self.tagger.name!r} has no class {unknown[0]!r} as background: choose one or several of "
                f"{', '.join(self.tagger.classes)}, with --option background=[...]"
            )
        points = self.tagger.calibration.working_points
        levels = list(dict.fromkeys(point.name.rpartition("_")[2] for point in points))
        if level not in {*LEVELS, *levels}:
            raise InputError(f"there is no level {level!r} of working points: {nearest(level, [*levels, *LEVELS])}")
        if points and level not in levels:
            warnings.warn(
                f"the bundle {self.tagger.name!r} has no working points of the level {level!r}, so nothing after a tag is filled: "
                f"it has {', '.join(levels)}",
                InputWarning,
                stacklevel=2,
            )
        self.cuts = {
            point.signal[0]: point
            for point in points
            if point.name.endswith(f"_{level}") and point.background == self.background
        }

    def process(self, events: Any) -> dict[str, Any]:
        """Tag and histogram the jets of one chunk."""
        jets = collection_of(events, self.collection)
        selected = jets[(jets.pt > self.min_pt) & (abs(jets.eta) < self.max_eta)]
        scores = self.tagger(selected)
        tagging = coffea_fm.report(scores)
        cutflow = {"events": len(events), "all_jets": int(ak.count(jets.pt)), **tagging.counts}
        return {
            **self.histograms(events.metadata["dataset"], selected, ak.flatten(scores)),
            "cutflow": {events.metadata["dataset"]: cutflow},
            "bundle": {tagging.checksum},
        }

    def histograms(self, dataset: str, jets: ak.Array, scores: ak.Array) -> dict[str, Any]:
        """Histograms of jets and their flat scores; jets without a score are predicted ``none``."""
        classes = list(self.tagger.classes)
        matrix = np.stack([ak.to_numpy(scores[name]) for name in classes], axis=1)
        tagged = np.isfinite(matrix).all(axis=1)
        predicted = np.where(tagged, np.array(classes)[np.nan_to_num(matrix).argmax(axis=1)], "none")
        truth = true_classes(jets)
        every_jet = {"dataset": dataset, "truth": truth.tolist(), "predicted": predicted.tolist()}
        by_prediction = hist.axis.StrCategory([*classes, "none"], name="predicted", label="Predicted class")
        pt = new_histogram(100, 0, 2000, "Jet $p_{T}$ [GeV]", by_prediction).fill(
            **every_jet, value=ak.flatten(jets.pt)
        )
        output: dict[str, Any] = {"pt": pt, "discriminant": {}, "tagged_msoftdrop": {}}
        mass = ak.to_numpy(ak.flatten(jets.msoftdrop)) if "msoftdrop" in jets.fields else None
        if mass is not None:
            output["msoftdrop"] = new_histogram(60, 0, 300, MASS, by_prediction).fill(**every_jet, value=mass)
        background = " + ".join(self.background)
        for name in classes:
            if name in self.background:
                continue
            values = ak.to_numpy(self.tagger.discriminant(scores[tagged], name, self.background))
            tagged_jets = {"dataset": dataset, "truth": truth[tagged].tolist()}
            filled = new_histogram(200, 0, 1, f"{name} / ({name} + {background})")
            output["discriminant"][f"{name}_vs_{background}"] = filled.fill(**tagged_jets, value=below_one(values))
            if mass is not None and name in self.cuts:
                point = self.cuts[name]
                passes = passing(scores, ak.flatten(jets), point, self.tagger.calibration, self.tagger.name)
                passed = ak.to_numpy(passes)[tagged]
                after = new_histogram(60, 0, 300, MASS)
                passing_jets = {"dataset": dataset, "truth": truth[tagged][passed].tolist()}
                output["tagged_msoftdrop"][point.name] = after.fill(**passing_jets, value=mass[tagged][passed])
        return output

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""


def new_histogram(bins: int, low: float, high: float, label: str, *more: Any) -> hist.Hist[Any]:
    """A histogram by dataset, true class and more categories, with room for event weights."""
    return hist.Hist(
        hist.axis.StrCategory([], growth=True, name="dataset"),
        hist.axis.StrCategory([*JET_CLASSES, "unmatched", "unknown"], name="truth", label="True class"),
        *more,
        hist.axis.Regular(bins, low, high, name="value", label=label),
        storage=hist.storage.Weight(),
        label="Jets",
    )


def true_classes(jets: ak.Array) -> Any:
    """Name of the true class of each jet, flat: ``unmatched`` where there is none, ``unknown`` in data."""
    if "label" not in jets.fields:
        return np.full(ak.count(jets.pt), "unknown")
    return np.array([*JET_CLASSES, "unmatched"])[ak.to_numpy(ak.flatten(jets.label))]


def below_one(values: Any) -> Any:
    """Values of exactly one into the last bin instead of the overflow."""
    return np.minimum(values, 1 - 1e-6)
