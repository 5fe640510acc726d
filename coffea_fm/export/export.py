"""Export a checkpoint or a network to a bundle."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from coffea_fm.bundle import Calibration, Manifest, Provenance, save_bundle
from coffea_fm.errors import InputError
from coffea_fm.export.card import draft_card
from coffea_fm.export.check import check_graphs
from coffea_fm.export.examples import spread_row_groups
from coffea_fm.export.graphs import describe, make_graphs
from coffea_fm.export.ranges import with_trained_ranges
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Packed

_RANGE_JETS = 20_000
_VERSIONS = ("coffea-fm", "torch", "onnx", "onnxruntime", "numpy")


def export_checkpoint(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    card: str | None = None,
    data: str | os.PathLike[str] | None = None,
    temperature: float = 1.0,
) -> Manifest:
    """Export a checkpoint to a bundle, with a numerical check.

    Parameters
    ----------
    checkpoint : path-like
        Folder such as ``runs/NAME/best``.
    output : path-like
        Folder of the bundle; its name is the name of the model.
    card : str, optional
        The model card in Markdown; a draft by default.
    data : path-like, optional
        Folder of shards with real jets or events, for the check and for the ranges of the training data. By default, the
        training data of the checkpoint.
    temperature : float
        Logits are divided by it before the softmax, see `coffea_fm.evaluation`.

    Returns
    -------
    Manifest
        The manifest of the bundle.

    Raises
    ------
    ExportError
        If the graphs do not reproduce the network; nothing is written in this case.
    InputError
        If the checkpoint or the data cannot be read.
    """
    model, described = load_checkpoint(checkpoint)
    trained = described.provenance
    if data is None and "data" not in trained:
        raise InputError(
            "the check at export needs real jets, and the checkpoint names no data: give a folder of shards"
        )
    folder = Path(trained["data"] if data is None else data)
    if not folder.is_dir():
        raise InputError(f"the check at export needs real jets, but {folder} does not exist: give a folder of shards")
    provenance = Provenance(
        recipe=trained.get("recipe", {}),
        data={"folder": str(folder), "seen": trained.get("seen"), "validation": trained.get("metrics", {})},
        seed=trained.get("seed"),
        versions=versions(),
    )
    dataset = ShardDataset(folder, model.level)
    packed, _ = dataset.read(spread_row_groups(dataset, _RANGE_JETS))
    return export_model(model, packed, output, provenance=provenance, card=card, temperature=temperature)


def export_model(
    model: Model,
    packed: Packed,
    output: str | os.PathLike[str],
    *,
    provenance: Provenance,
    card: str | None = None,
    temperature: float = 1.0,
) -> Manifest:
    """Export a network to a bundle, with a numerical check; see `export_checkpoint`.

    Parameters
    ----------
    packed : Packed
        Real jets or events from the training data.
    """
    level = with_trained_ranges(model.level, packed)
    graphs = make_graphs(model, level, temperature=temperature)
    check = check_graphs(graphs, model, packed, temperature=temperature)
    chain, outputs = describe(model)
    manifest = Manifest(
        name=Path(output).resolve().name,
        level=level,
        outputs=outputs,
        graphs=chain,
        provenance=provenance,
        check=check,
    )
    calibration = Calibration(temperature=temperature) if temperature != 1.0 else None
    return save_bundle(output, manifest, graphs, draft_card(manifest) if card is None else card, calibration)


def versions() -> dict[str, str]:
    """Versions of the packages that made a bundle."""
    found = {}
    for name in _VERSIONS:
        with suppress(PackageNotFoundError):  # coffea-fm itself may run from a checkout
            found[name] = version(name)
    return found
