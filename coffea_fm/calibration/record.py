"""Write what was measured of a model into its bundle, and into the section of its card."""

from __future__ import annotations

from pathlib import Path

from coffea_fm.bundle import Calibration, load_bundle, save_calibration
from coffea_fm.calibration.card import with_measured
from coffea_fm.errors import InputError
from coffea_fm.files import atomic


def record(folder: Path, calibration: Calibration, measured: str) -> None:
    """Replace the calibration of a bundle, and what its card says was measured; the model stays the same.

    Parameters
    ----------
    folder : Path
        The bundle.
    calibration : Calibration
        What was measured. The temperature stays as the export wrote it, since it is part of the graph.
    measured : str
        Markdown for the card.

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
    temperature = load_bundle(folder).calibration.temperature
    save_calibration(folder, calibration.model_copy(update={"temperature": temperature}))
    text = with_measured(card.read_text(encoding="utf-8"), measured)
    with atomic(card) as temporary:
        temporary.write_text(text, encoding="utf-8")
