"""Write what an evaluation found into the bundle's manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coffea_fm.bundle import Calibration, Manifest, WorkingPoint, load_bundle, save_bundle
from coffea_fm.errors import InputError
from coffea_fm.evaluation.classification import Metrics


def record(folder: Path, metrics: Metrics, points: Sequence[WorkingPoint], data: str) -> Manifest:
    """Replace working points and calibration in the manifest of a bundle; graphs and card stay.

    Parameters
    ----------
    folder : Path
        The bundle.
    metrics : Metrics
        For the calibration error.
    points : sequence of WorkingPoint
        From `coffea_fm.evaluation.working_points.working_points`.
    data : str
        What they were found on.

    Returns
    -------
    Manifest
        As written, with its new checksum.

    Raises
    ------
    InputError
        If the bundle is not a folder on this machine.
    """
    card = folder / "README.md"
    if not card.is_file():
        raise InputError(
            f"{folder} is not the folder of a bundle: working points cannot be written to archives or URLs"
        )
    bundle = load_bundle(folder)
    before = bundle.manifest.calibration or Calibration()
    update = {"expected_calibration_error": metrics.reliability.expected_error, "data": data}
    manifest = bundle.manifest.model_copy(
        update={"working_points": tuple(points), "calibration": before.model_copy(update=update)}
    )
    return save_bundle(folder, manifest, bundle.graphs, card.read_text())
