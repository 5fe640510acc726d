"""Measurements of a model, stored separately from the manifest so that measuring does not change the model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field, model_validator

from coffea_fm.bundle.manifest import canonical_hash
from coffea_fm.config import Config

CALIBRATION: Final = "calibration.json"


class _Part(Config):
    model_config = ConfigDict(allow_inf_nan=False)


def _absent(value: Any) -> bool:
    """Whether a measurement was not made. It is then not written, so that older files keep their checksum."""
    return not value


class BinnedCut(_Part):
    """Cuts by bin of a field of the jets, such as their pT.

    Parameters
    ----------
    field : str
        E.g. ``"pt"``; in GeV, as stored.
    edges : tuple of float
        Increasing. Jets beyond the outer edges belong to the outer bins.
    cuts : tuple of float
        Smallest discriminant that passes, one per bin.
    """

    field: str
    edges: tuple[float, ...] = Field(min_length=2)
    cuts: tuple[float, ...]

    @model_validator(mode="after")
    def _one_cut_per_bin(self) -> BinnedCut:
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError(f"the edges {self.edges} of the bins in {self.field} do not increase")
        if len(self.cuts) != len(self.edges) - 1:
            raise ValueError(f"{len(self.edges) - 1} bins in {self.field} have {len(self.cuts)} cuts")
        return self


class ClassEfficiency(_Part):
    """How many jets of a true class pass a working point, by bin of its cut (one bin if there are none).

    Parameters
    ----------
    jets : tuple of int
        Number of jets in the bin.
    efficiency : tuple of float
        Fraction that passes; 0 for an empty bin.
    low, high : tuple of float
        Clopper-Pearson interval of 68% confidence.
    """

    jets: tuple[int, ...]
    efficiency: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class WorkingPoint(_Part):
    """A cut on ``sum(signal scores) / sum(signal and background scores)``, with its efficiencies on a test set.

    Parameters
    ----------
    name : str
        E.g. ``"Hbb_medium"``.
    signal, background : tuple of str
        Classes whose scores are summed.
    cut : float
        Smallest discriminant that passes. If there are `bins`, they apply instead, and this is the cut that has the
        same background efficiency over all jets.
    signal_efficiency, background_efficiency : float
        Fractions of jets that pass.
    bins : BinnedCut, optional
        A cut for each bin of pT.
    calibrated : bool
        Whether the cut is on calibrated scores, as `Tagger.calibrated` returns them.
    efficiencies : dict of str to ClassEfficiency
        Efficiencies with errors, by true class.
    """

    name: str
    signal: tuple[str, ...]
    background: tuple[str, ...]
    cut: float
    signal_efficiency: float
    background_efficiency: float
    bins: BinnedCut | None = Field(default=None, exclude_if=_absent)
    calibrated: bool = Field(default=False, exclude_if=_absent)
    efficiencies: dict[str, ClassEfficiency] = Field(default={}, exclude_if=_absent)

    @property
    def formula(self) -> str:
        """The condition to pass, e.g. ``"Hbb / (Hbb + QCD) >= 0.8850"``."""
        cut = f"{formula(self.signal, self.background)} >= {self.cut:.4f}"
        if self.bins is not None:
            cuts = f"{min(self.bins.cuts):.4f} to {max(self.bins.cuts):.4f}, by {self.bins.field}"
            cut = f"{formula(self.signal, self.background)} >= {cuts}"
        return f"{cut} (calibrated scores)" if self.calibrated else cut


def formula(signal: Sequence[str], background: Sequence[str]) -> str:
    """Formula of a discriminant, e.g. ``"Hbb / (Hbb + QCD)"``."""
    above = " + ".join(signal)
    return f"{f'({above})' if len(signal) > 1 else above} / ({above} + {' + '.join(background)})"


class ScoreScaling(_Part):
    """Two ways to calibrate scores, both ``softmax(weights * log(scores) + biases)`` (arXiv:1706.04599).

    Both are fitted on one half of the jets. The other half chooses between them and the scores as they are, by the
    negative log-likelihood per jet.

    Parameters
    ----------
    classes : tuple of str
        The scores.
    temperature : float
        Temperature scaling: all weights are its inverse, and there are no biases.
    weights, biases : tuple of float
        Vector scaling: one of each per class. Empty if a class has too few jets to fit it.
    chosen : {"none", "temperature", "vector"}
        The most likely on the other half.
    loss : dict of str to float
        Mean negative log-likelihood on the other half, by the same three names.
    gain_error : dict of str to float
        Standard error of the difference of a loss to that of ``"none"``, jet by jet.
    n_fitted, n_tested : int
        Jets in the two halves.
    """

    classes: tuple[str, ...]
    temperature: float = Field(gt=0)
    weights: tuple[float, ...] = ()
    biases: tuple[float, ...] = ()
    chosen: Literal["none", "temperature", "vector"]
    loss: dict[str, float]
    gain_error: dict[str, float]
    n_fitted: int
    n_tested: int

    def parameters(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Weights and biases of the chosen way."""
        if self.chosen == "vector":
            return self.weights, self.biases
        inverse = 1 / self.temperature if self.chosen == "temperature" else 1.0
        return (inverse,) * len(self.classes), (0.0,) * len(self.classes)


class Calibration(_Part):
    """``calibration.json`` of a bundle.

    Parameters
    ----------
    model : str
        Checksum of the model that was measured.
    temperature : float, optional
        Temperature by which the logits are divided inside the graph of the head; None if not calibrated.
    accuracy : float, optional
        Fraction of jets whose highest score is that of their true class.
    expected_calibration_error : float, optional
        Expected calibration error of the scores.
    n_jets : int, optional
        Number of jets used for the measurement.
    data : str
        Data used for the measurement.
    scaling : ScoreScaling, optional
        Calibration of the scores, which a tagger applies only where it is asked to; see `Tagger.calibrated`.
    working_points : tuple of WorkingPoint
    checksum : str
        Content hash of everything above; `save_bundle` fills it in.
    """

    schema_version: Literal[1] = 1
    model: str = ""
    temperature: float | None = None
    accuracy: float | None = None
    expected_calibration_error: float | None = None
    n_jets: int | None = None
    data: str = ""
    scaling: ScoreScaling | None = Field(default=None, exclude_if=_absent)
    working_points: tuple[WorkingPoint, ...] = ()
    checksum: str = ""

    @model_validator(mode="after")
    def _calibrated_cuts_have_a_scaling(self) -> Calibration:
        cut = next((point.name for point in self.working_points if point.calibrated), None)
        if cut is not None and self.scaling is None:
            raise ValueError(f"the working point {cut} cuts on calibrated scores, and there is no scaling")
        return self

    def signed(self, model: str) -> Calibration:
        """A copy for the model with this checksum, with its own checksum filled in."""
        measured = self.model_copy(update={"model": model})
        return measured.model_copy(update={"checksum": measured.content_hash()})

    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON without its own ``checksum``."""
        content: dict[str, Any] = self.model_dump(mode="json", exclude={"checksum"})
        return canonical_hash(content)
