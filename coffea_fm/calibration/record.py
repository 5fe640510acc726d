"""Write what was measured into a bundle: calibration and working points, and the section of its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coffea_fm.bundle import Calibration, WorkingPoint, load_bundle, save_bundle
from coffea_fm.calibration.card import with_measured
from coffea_fm.errors import InputError


def record(
    folder: Path,
    *,
    accuracy: float,
    expected_calibration_error: float,
    working_points: Sequence[WorkingPoint],
    n_jets: int,
    data: str,
    measured: str,
) -> str:
    """Replace calibration and working points of a bundle, and what its card says was measured; graphs stay.

    Parameters
    ----------
    folder : Path
        The bundle.
    accuracy, expected_calibration_error : float
        Of its scores.
    working_points : sequence of WorkingPoint
        From `coffea_fm.calibration.working_points.working_points`.
    n_jets : int
        On how many jets they were measured.
    data : str
        What they were measured on.
    measured : str
        Markdown for the card.

    Returns
    -------
    str
        Checksum of the bundle as written.

    Raises
    ------
    InputError
        If the bundle is not a folder on this machine.
    """
    # Version 3 of the manifest keeps accuracy and n_jets too, in calibration.json; version 1 has no place for them.
    del accuracy, n_jets
    card = folder / "README.md"
    if not card.is_file():
        raise InputError(
            f"{folder} is not the folder of a bundle: working points cannot be written to archives or URLs"
        )
    bundle = load_bundle(folder)
    before = bundle.manifest.calibration or Calibration()
    update = {"expected_calibration_error": expected_calibration_error, "data": data}
    manifest = bundle.manifest.model_copy(
        update={"working_points": tuple(working_points), "calibration": before.model_copy(update=update)}
    )
    return save_bundle(folder, manifest, bundle.graphs, with_measured(card.read_text(), measured)).checksum
