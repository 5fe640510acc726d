"""What was measured of a model: kept beside the manifest, so that measuring changes no model."""

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
    """A cut on ``sum(signal scores) / sum(signal and background scores)`` and what it gave on a test set.

    Parameters
    ----------
    name : str
        E.g. ``"Hbb_medium"``.
    signal, background : tuple of str
        Classes whose scores are added.
    cut : float
        The smallest discriminant that passes.
    signal_efficiency, background_efficiency : float
        Fractions that pass.
    """

    name: str
    signal: tuple[str, ...]
    background: tuple[str, ...]
    cut: float
    signal_efficiency: float
    background_efficiency: float

    @property
    def formula(self) -> str:
        """What a jet must fulfil to pass, e.g. ``"Hbb / (Hbb + QCD) >= 0.8850"``."""
        return f"{formula(self.signal, self.background)} >= {self.cut:.4f}"


def formula(signal: Sequence[str], background: Sequence[str]) -> str:
    """How a discriminant is computed from scores, e.g. ``"Hbb / (Hbb + QCD)"``."""
    above = " + ".join(signal)
    return f"{f'({above})' if len(signal) > 1 else above} / ({above} + {' + '.join(background)})"


class Calibration(_Part):
    """``calibration.json`` of a bundle.

    Parameters
    ----------
    model : str
        Checksum of the model that was measured.
    temperature : float, optional
        By which logits are divided inside the graph of the head; None if nothing was calibrated.
    accuracy : float, optional
        Fraction of jets whose highest score is that of their class.
    expected_calibration_error : float, optional
        Of the scores.
    n_jets : int, optional
        How many jets it was measured on.
    data : str
        Which these were.
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
        """The same for the model of that checksum, with its own checksum."""
        measured = self.model_copy(update={"model": model})
        return measured.model_copy(update={"checksum": measured.content_hash()})

    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON without its own ``checksum``."""
        content: dict[str, Any] = self.model_dump(mode="json", exclude={"checksum"})
        return canonical_hash(content)
