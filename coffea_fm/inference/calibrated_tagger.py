"""Working points, calibrated scores and scale factors: what a tagger does with the measurements of its model."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import awkward as ak

from coffea_fm.bundle import Calibration
from coffea_fm.inference.calibrated import calibrate, efficiency, passing
from coffea_fm.inference.corrections.file import CorrectionFile
from coffea_fm.inference.corrections.scale_factors import scale_factors
from coffea_fm.inference.discriminants import discriminant, find_working_point


class CalibratedTagger(ABC):
    """The part of `BaseTagger` that reads its calibration.

    Attributes
    ----------
    checksum : str
        Identifies what the scores depend on.
    """

    checksum: str

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the model, for reports, messages and columns."""

    @property
    @abstractmethod
    def calibration(self) -> Calibration:
        """Measurements of the model: temperature and working points."""

    @abstractmethod
    def __call__(self, jets: ak.Array, outputs: str | Sequence[str] | None = None, **collections: ak.Array) -> ak.Array:
        """Scores of jets; see `BaseTagger`."""

    def discriminant(self, scores: ak.Array, signal: str | Sequence[str], background: str | Sequence[str]) -> ak.Array:
        """``signal / (signal + background)`` of scores, e.g. ``tagger.discriminant(scores, "Hbb", "QCD")``.

        Raises
        ------
        InputError
            If a class is not among the scores.
        """
        return discriminant(scores, signal, background)

    def passes(self, jets: ak.Array, working_point: str, **collections: ak.Array) -> ak.Array:
        """Whether jets pass a working point, which is a cut on a discriminant.

        A working point that was measured in bins of pT has a cut for each, and one that was measured on calibrated
        scores cuts on calibrated scores. Its formula says both.

        Parameters
        ----------
        jets, **collections : awkward.Array
            As passed to the tagger.
        working_point : str
            Name of one in ``tagger.calibration.working_points``, which also holds its formula and efficiencies.

        Returns
        -------
        awkward.Array
            Booleans in the layout of `jets`; False for jets without a score.

        Raises
        ------
        BundleError
            If the bundle has no such working point.
        InputError
            If the cut depends on a field that the jets do not have.
        """
        point = find_working_point(self.calibration, working_point, self.name)
        return passing(self(jets, "scores", **collections), jets, point, self.calibration, self.name)

    def calibrated(self, scores: ak.Array) -> ak.Array:
        """Scores as probabilities, by the calibration that was measured on held-out jets.

        The tagger itself always returns the scores of the model: they are what its checksum, and so its scale factors,
        stand for.

        Parameters
        ----------
        scores : awkward.Array
            All scores, as returned by the tagger.

        Returns
        -------
        awkward.Array
            The same scores by the way that ``tagger.calibration.scaling.chosen`` names.

        Raises
        ------
        BundleError
            If no calibration was measured.
        InputError
            If the scores are calibrated already, or are not those of this model.
        """
        return calibrate(scores, self.calibration, self.name)

    def efficiency(self, jets: ak.Array, working_point: str, of: str) -> ak.Array:
        """The fraction of jets of a true class that pass a working point, as measured, for each jet.

        Parameters
        ----------
        jets : awkward.Array
        working_point : str
            Name of a working point.
        of : str
            A true class, e.g. ``"QCD"``.

        Returns
        -------
        awkward.Array
            Float64 in the layout of `jets`; it depends on pT if the working point has bins of pT.

        Raises
        ------
        BundleError
            If the bundle has no such working point, or its efficiency was not measured for this class.
        """
        return efficiency(jets, find_working_point(self.calibration, working_point, self.name), of, self.name)

    def scale_factors(
        self,
        jets: ak.Array,
        corrections: CorrectionFile | str | os.PathLike[str],
        working_point: str | None = None,
        *,
        name: str | None = None,
        variations: Sequence[str] = ("up", "down"),
        **inputs: Any,
    ) -> ak.Array:
        """Ratio of the efficiencies in data and simulation for each jet, from any correctionlib file.

        Inputs of the correction are found by name: ``pt``, ``eta``, ``abseta`` and ``flavor`` (``hadronFlavour``) come
        from the jets, ``systematic`` or ``ValType`` are the variations, and fields of any other name are read from the
        jets too. `inputs` come first.

        Parameters
        ----------
        jets : awkward.Array
            The jets that the scale factors are for, e.g. those with a true b hadron.
        corrections : path-like or CorrectionFile
            A ``.json`` or ``.json.gz``; read it once with ``CorrectionFile.read`` in the processor's constructor.
        working_point : str, optional
            E.g. ``"Hbb_medium"``: passed on, under its own name, as ``medium`` or as ``M``.
        name : str, optional
            The correction; by default ``scale_factor_`` followed by the first twelve digits of this model's checksum. A
            correction that names the checksum of another model is refused; one that names none is taken.
        variations : sequence of str
            Besides nominal; words of the file such as ``"up_statistic"`` are possible too.
        **inputs
            Other inputs, as numbers, strings or arrays in the layout of the jets: ``flavour=jets.partonFlavour``,
            ``discriminant=...``, ``year="2018"``. By default, `discriminant` is that of the working point.

        Returns
        -------
        awkward.Array
            In the layout of `jets`: records of float64 with ``nominal`` and the variations; 1 for a jet without a score,
            or with another input of NaN.

        Raises
        ------
        BundleError
            If the correction was derived for another model.
        InputError
            If there is no such correction, or an input of it is missing.
        RecipeError
            If the file cannot be read.
        """
        return scale_factors(self, jets, corrections, working_point, name, variations, inputs)
