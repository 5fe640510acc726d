"""List the bundles that can be loaded by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from coffea_fm.bundle.bundle import Bundle
from coffea_fm.bundle.find import WEIGHTS, bundle_names, shipped_checkpoint
from coffea_fm.bundle.load import load_bundle
from coffea_fm.tokens import Level

_KINEMATIC = ("pt", "eta", "phi", "mass")


@dataclass(frozen=True)
class ModelSummary:
    """One line about a bundle.

    Parameters
    ----------
    name : str
        Name for `coffea_fm.load`.
    folder : Path
        Folder of the bundle.
    things : str
        What it tags: ``"jet"`` or ``"event"``.
    classes : tuple of str
        Classes of its scores; empty for a backbone without a head.
    ranges : dict of str to tuple of float
        Trained range of each field of the jets.
    needs : tuple of str
        Fields of the constituents besides their momenta, which not every format stores.
    accuracy, n_jets : float and int, optional
        Fraction of jets whose highest score is that of their true class, and the number of jets it was measured on.
    checkpoint : Path, optional
        Checkpoint to fine-tune from, under the same name; None if its weights are not installed.
    """

    name: str
    folder: Path
    things: str
    classes: tuple[str, ...]
    ranges: dict[str, tuple[float, float]]
    needs: tuple[str, ...]
    accuracy: float | None
    n_jets: int | None
    checkpoint: Path | None


def models() -> list[ModelSummary]:
    """List all bundles known by name: shipped ones, then those in the folders of ``COFFEA_FM_PATH``."""
    return [_summary(load_bundle(folder), name, folder) for name, folder in bundle_names().items()]


def _summary(bundle: Bundle, name: str, folder: Path) -> ModelSummary:
    manifest, measured = bundle.manifest, bundle.calibration
    levels = list(manifest.level.walk())
    scores = [output.classes for output in manifest.outputs if output.name == "scores"]
    checkpoint = shipped_checkpoint(name)
    return ModelSummary(
        name,
        folder,
        manifest.level.name,
        scores[0] if scores else (),
        {field.name: field.trained for level in levels for field in level.fields if level.members and field.trained},
        tuple(dict.fromkeys(name for level in levels if not level.members for name in _beyond_momenta(level))),
        measured.accuracy,
        measured.n_jets,
        checkpoint if checkpoint and (checkpoint / WEIGHTS).is_file() else None,
    )


def _beyond_momenta(level: Level) -> list[str]:
    return [name for name in level.names if name not in _KINEMATIC]
