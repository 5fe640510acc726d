"""Measurements of a model, stored separately from the manifest so that measuring does not change the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import ConfigDict

from coffea_fm.bundle.manifest import canonical_hash
from coffea_fm.config import Config

CALIBRATION: Final = "calibration.json"


class _Part(Config):
    model_config = ConfigDict(allow_inf_nan=False)


class WorkingPoint(_Part):
    """A cut on ``sum(signal scores) / sum(signal and background scores)``, with its efficiencies on a test set.

    Parameters
    ----------
    name : str
        E.g. ``"Hbb_medium"``.
    signal, background : tuple of str
        Classes whose scores are summed.
    cut : float
        Smallest discriminant that passes.
    signal_efficiency, background_efficiency : float
        Fractions of jets that pass.
    """

    name: str
    signal: tuple[str, ...]
    background: tuple[str, ...]
    cut: float
    signal_efficiency: float
    background_efficiency: float

    @property
    def formula(self) -> str:
        """The condition to pass, e.g. ``"Hbb / (Hbb + QCD) >= 0.8850"``."""
        return f"{formula(self.signal, self.background)} >= {self.cut:.4f}"


def formula(signal: Sequence[str], background: Sequence[str]) -> str:
    """Formula of a discriminant, e.g. ``"Hbb / (Hbb + QCD)"``."""
    above = " + ".join(signal)
    return f"{f'({above})' if len(signal) > 1 else above} / ({above} + {' + '.join(background)})"


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
    working_points: tuple[WorkingPoint, ...] = ()
    checksum: str = ""

    def signed(self, model: str) -> Calibration:
        """A copy for the model with this checksum, with its own checksum filled in."""
        measured = self.model_copy(update={"model": model})
        return measured.model_copy(update={"checksum": measured.content_hash()})

    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON without its own ``checksum``."""
        content: dict[str, Any] = self.model_dump(mode="json", exclude={"checksum"})
        return canonical_hash(content)
