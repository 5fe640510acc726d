"""Write measurements of a model to its bundle and its card."""

from __future__ import annotations

from pathlib import Path

from coffea_fm.bundle import Calibration, load_bundle, save_calibration
from coffea_fm.bundle.card import CARD, with_results
from coffea_fm.calibration.card import with_measured
from coffea_fm.errors import InputError
from coffea_fm.files import atomic


def record(folder: Path, calibration: Calibration, measured: str) -> None:
    """Replace the calibration of a bundle, and the measured results in its card and front matter.

    The model itself does not change.

    Parameters
    ----------
    folder : Path
        The bundle.
    calibration : Calibration
        Measurements. The temperature stays as exported, because it is part of the graph.
    measured : str
        Markdown for the card.

    Raises
    ------
    InputError
        If the bundle is not a local folder.
    BundleError
        If the bundle or the front matter of its card is damaged.
    """
    card = folder / CARD
    if not card.is_file():
        raise InputError(
            f"{folder} is not the folder of a bundle: working points are recorded in a folder of yours, and not in an "
            "archive, a URL or a shipped bundle; copy the bundle's folder, and give the path of the copy"
        )
    bundle = load_bundle(folder)
    text = with_results(card.read_text(encoding="utf-8"), bundle.manifest, calibration)
    save_calibration(folder, calibration.model_copy(update={"temperature": bundle.calibration.temperature}))
    with atomic(card) as temporary:
        temporary.write_text(with_measured(text, measured), encoding="utf-8")
